# What a team runs: its clusters, on what examples/platform has made in another workspace.
# The run goes through an agent of the gateway, which reaches vCenter and the clusters.
#
# Where vCenter is and who logs in comes from the environment: VSPHERE_SERVER,
# VSPHERE_USER and VSPHERE_PASSWORD. The clusters themselves are built with the team's own
# cloud account.

terraform {
  required_providers {
    gantry = {
      source = "gantry/gantry"
    }
  }
}

provider "gantry" {}

# By name. A workspace that is given the ids, such as outputs of the platform's workspace,
# sets them in place of the data sources.
data "gantry_gateway" "dc1" {
  name = var.gateway
}

data "gantry_ip_pool" "nodes" {
  name       = "${var.team}-nodes"
  gateway_id = data.gantry_gateway.dc1.id
}

data "gantry_cloud_account" "team" {
  name       = var.team
  gateway_id = data.gantry_gateway.dc1.id
}

module "clusters" {
  source   = "./cluster"
  for_each = var.clusters

  name             = each.key
  worker_count     = each.value.worker_count
  compute_clusters = each.value.compute_clusters

  ip_pool_id            = data.gantry_ip_pool.nodes.id
  cloud_account         = data.gantry_cloud_account.team
  cloud_account_secret  = var.team_password
  cloud_account_version = var.team_password_version
  network_manifest      = var.network_manifest
}
