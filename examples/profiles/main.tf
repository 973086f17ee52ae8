# One profile for many clusters, which take a new one over in turn: the canary first. What a cluster
# needs otherwise is an override of its own, which stays when the profile changes.
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

module "profiles" {
  source           = "./profiles"
  network_manifest = var.network_manifest
}

locals {
  # A rollout is a change of this list: one cluster after the other goes to canary and, once all are
  # there, that becomes the profile stable.
  clusters = {
    staging = { profile = "canary", overrides = {} }
    shop    = { profile = "stable", overrides = { ingress = { controller = { replicaCount = 5 } } } }
    office  = { profile = "stable", overrides = {} }
  }
}

resource "gantry_vmware_cluster" "this" {
  for_each = local.clusters

  name          = each.key
  cloud_account = gantry_cloud_account.team

  profile            = module.profiles.profiles[each.value.profile]
  pack_overrides     = { for pack, values in each.value.overrides : pack => yamlencode(values) }
  override_conflicts = each.key == "shop" ? "error" : "warning"

  datacenter = "dc-1"
  folder     = "k8s/${each.key}"
  network    = { ip_allocation = "static" }

  control_plane = {
    node_count = 1
    cpu        = 2
    memory_gb  = 4
    placements = [local.placement]
  }

  worker_pools = {
    general = { node_count = 2, cpu = 2, memory_gb = 4, placements = [local.placement] }
  }
}

locals {
  placement = {
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    resource_pool   = "gantry"
    ip_pool_id      = gantry_ip_pool.nodes.id
  }
}

resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.100" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
}

resource "gantry_cloud_account" "team" {
  name           = "team"
  vcenter_server = "vcenter.example.com"
  username       = "team@vsphere.local"
  password       = var.team_password
}
