# The profiles of an organization: what its clusters are made of. A plain object, so that clusters
# of any number take it as the output of this module, in the same state or another one.

variable "network_manifest" {
  description = "Manifest of the pod network, such as flannel's."
  type        = string
}

locals {
  packs = {
    network = { layer = "cni", manifests = [var.network_manifest] }
  }

  # What all clusters have, unless one overrides it.
  ingress = { controller = { replicaCount = 2, resources = { requests = { memory = "256Mi" } } } }
}

output "profiles" {
  description = "Profiles by the step of a rollout: what is tried out first, and what all others run."
  value = {
    canary = {
      kubernetes_version = "1.37.2"
      image              = { template = "gantry-node-1.37.2" }
      packs = merge(local.packs, {
        ingress = {
          layer     = "addon"
          chart     = { name = "ingress-nginx", repository = "https://kubernetes.github.io/ingress-nginx", version = "4.13.0" }
          namespace = "ingress"
          values    = [yamlencode(local.ingress), yamlencode({ controller = { enableAnnotationValidations = true } })]
        }
      })
    }
    stable = {
      kubernetes_version = "1.36.3"
      image              = { template = "gantry-node-1.36.3" }
      packs = merge(local.packs, {
        ingress = {
          layer     = "addon"
          chart     = { name = "ingress-nginx", repository = "https://kubernetes.github.io/ingress-nginx", version = "4.12.1" }
          namespace = "ingress"
          values    = [yamlencode(local.ingress)]
        }
      })
    }
  }
}
