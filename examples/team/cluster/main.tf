# A cluster as this organization builds them: a team says how large.

terraform {
  required_providers {
    gantry = {
      source = "gantry/gantry"
    }
  }
}

resource "gantry_vmware_cluster" "this" {
  name = var.name

  # The cluster belongs to the gateway of its account. One from a data source has no password.
  cloud_account                     = var.cloud_account
  cloud_account_password_wo         = var.cloud_account_secret
  cloud_account_password_wo_version = var.cloud_account_version

  profile = {
    kubernetes_version = "1.37.2"
    image              = { template = "gantry-node-1.37.2" }
    packs = {
      network = { layer = "cni", manifests = [var.network_manifest] }
    }
  }

  datacenter = "dc-1"
  folder     = "k8s/${var.name}"
  network    = { ip_allocation = "static", pod_cidr = "192.168.0.0/16", service_cidr = "10.96.0.0/12" }

  control_plane = {
    node_count = 1
    cpu        = 2
    memory_gb  = 4
    placements = [{
      compute_cluster = var.compute_clusters[0]
      datastore       = "shared-1"
      network         = "dvpg-nodes"
      resource_pool   = "gantry"
      ip_pool_id      = var.ip_pool_id
    }]
  }

  worker_pools = {
    general = {
      node_count = var.worker_count
      cpu        = 2
      memory_gb  = 4
      placements = [
        for name in var.compute_clusters : {
          compute_cluster = name
          datastore       = "shared-1"
          network         = "dvpg-nodes"
          resource_pool   = "gantry"
          ip_pool_id      = var.ip_pool_id
        }
      ]
    }
  }
}
