resource "gantry_vmware_cluster" "prod" {
  name          = "prod-1"
  cloud_account = gantry_cloud_account.team_a

  profile = {
    kubernetes_version = "1.37.2"
    image              = { template = "gantry-node-1.37.2" }
    # Or a node image that is made of a plain distribution's:
    # image = { template = "debian-13", build = { install_kubernetes = { version = "1.37.2" } } }
    kubernetes = {
      api_server = {
        extra_args = { max-requests-inflight = "800" }
        oidc       = { issuer_url = "https://login.example.com", audiences = ["kubernetes"] }
      }
      kubelet    = { config = yamlencode({ maxPods = 60, systemReserved = { memory = "512Mi" } }) }
      node_files = { "/etc/sysctl.d/50-example.conf" = { content = "vm.max_map_count = 262144\n" } }
      # Commands run by bash as root, before the node joins.
      pre_bootstrap = ["sysctl --system"]
    }
    packs = {
      # Nodes become Ready with a pod network, which is a pack of layer "cni", such as
      # flannel = { layer = "cni", manifests = [file("flannel.yaml")] }
      metrics-server = {
        layer     = "addon"
        chart     = { name = "metrics-server", repository = "https://kubernetes-sigs.github.io/metrics-server", version = "3.13.0" }
        namespace = "kube-system"
        values    = [yamlencode({ replicas = 2 })]
      }
      namespaces = {
        layer     = "addon"
        manifests = [yamlencode({ apiVersion = "v1", kind = "Namespace", metadata = { name = "team-a" } })]
      }
    }
  }

  # What this cluster sets otherwise than its profile, merged over the values of packs.
  pack_overrides = { metrics-server = yamlencode({ replicas = 3 }) }

  datacenter = "dc-1"
  folder     = "k8s/prod-1"
  network    = { ip_allocation = "static" }

  control_plane = {
    node_count = 3
    cpu        = 2
    memory_gb  = 8
    placements = [
      for name in ["cluster-a", "cluster-b", "cluster-c"] : {
        compute_cluster = name
        datastore       = "shared-1"
        network         = "dvpg-nodes"
        ip_pool_id      = gantry_ip_pool.nodes.id
      }
    ]
  }

  worker_pools = {
    general = {
      node_count = 3
      cpu        = 4
      memory_gb  = 16
      labels     = { tier = "general" }
      placements = [
        for name in ["cluster-a", "cluster-b", "cluster-c"] : {
          compute_cluster = name
          datastore       = "shared-1"
          network         = "dvpg-nodes"
          ip_pool_id      = gantry_ip_pool.nodes.id
        }
      ]
      rolling_update = { strategy = "expand_first", max_surge = 2, drain_timeout = "10m" }
    }
  }

  # Workers that are not Ready for so long are replaced, one at most.
  repair = { not_ready_after = "15m", max_unhealthy = 1 }

  deletion_protection = true
}

# The kubernetes provider takes host, cluster_ca_certificate, client_certificate
# and client_key from gantry_vmware_cluster.prod.kubernetes_client_configuration.

resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.100" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
}

resource "gantry_cloud_account" "team_a" {
  name           = "team-a"
  vcenter_server = "vcenter.example.com"
  username       = "team-a@vsphere.local"
  password       = var.team_a_password
}

variable "team_a_password" {
  type      = string
  sensitive = true
}
