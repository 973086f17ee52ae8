# A gateway with an IP pool of its own, an IP pool for clusters, and a cluster
# with three control-plane nodes and two worker pools over two compute clusters.
#
# Where vCenter is and who logs in comes from the environment: VSPHERE_SERVER,
# VSPHERE_USER and VSPHERE_PASSWORD.

terraform {
  required_providers {
    gantry = {
      source = "gantry/gantry"
    }
  }
}

provider "gantry" {}

# What there is to build on, and how it is tagged.
data "gantry_datacenters" "all" {}

data "gantry_zone_tags" "primary" {
  datacenter = "dc-1"
}

resource "gantry_gateway" "dc1" {
  name               = "dc1"
  node_count         = 1
  kubernetes_version = "1.37.2"
  image              = { template = "gantry-node-1.37.2" }
  cpu                = 2
  memory_gb          = 4
  disk_gb            = 60

  placement = {
    datacenter      = "dc-1"
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    resource_pool   = "gantry"
    folder          = "gateways/dc1"
  }

  network = { ip_allocation = "static" }

  ip_pool = {
    name            = "gateway-dc1"
    range           = { start = "10.10.184.1", end = "10.10.184.10" }
    prefix_length   = 18
    default_gateway = "10.10.128.1"
    nameservers     = ["10.10.128.2"]
  }

  console_endpoint = "https://app.terraform.io"
  pairing_code     = var.agent_pool_token
}

resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  gateway_id      = gantry_gateway.dc1.id
  range           = { start = "10.10.183.1", end = "10.10.183.100" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
}

resource "gantry_vmware_cluster" "prod" {
  name          = "prod-1"
  cloud_account = gantry_gateway.dc1.default_cloud_account

  profile = {
    kubernetes_version = "1.37.2"
    image              = { template = "gantry-node-1.37.2" }
    packs = {
      flannel = { layer = "cni", manifests = [file("${path.module}/manifests/cni.yaml")] }
    }
  }

  datacenter = "dc-1"
  folder     = "k8s/prod-1"
  network    = { ip_allocation = "static", pod_cidr = "192.168.0.0/16", service_cidr = "10.96.0.0/12" }

  control_plane = {
    node_count = 3
    cpu        = 2
    memory_gb  = 8
    placements = [{
      compute_cluster = "cluster-a"
      datastore       = "shared-1"
      network         = "dvpg-nodes"
      resource_pool   = "gantry"
      ip_pool_id      = gantry_ip_pool.nodes.id
    }]
  }

  worker_pools = {
    # Nodes go round-robin over two compute clusters, which are two zones.
    general = {
      node_count = 2
      cpu        = 4
      memory_gb  = 16
      labels     = { tier = "general" }
      placements = [
        for name in ["cluster-a", "cluster-b"] : {
          compute_cluster = name
          datastore       = "shared-1"
          network         = "dvpg-nodes"
          resource_pool   = "gantry"
          ip_pool_id      = gantry_ip_pool.nodes.id
        }
      ]
      rolling_update = { strategy = "expand_first", drain_timeout = "5m" }
    }

    ingress = {
      node_count = 1
      cpu        = 2
      memory_gb  = 4
      taints     = [{ key = "example.com/ingress", effect = "NoSchedule" }]
      placements = [{
        compute_cluster = "cluster-c"
        datastore       = "shared-1"
        network         = "dvpg-nodes"
        resource_pool   = "gantry"
        ip_pool_id      = gantry_ip_pool.nodes.id
      }]
    }
  }
}
