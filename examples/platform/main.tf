# What a platform team runs once for all teams: a gateway, whose agents run the workspaces of
# the teams next to vCenter, the zones, and an IP pool and a cloud account for each team.
# This is the first of two workspaces; examples/team is the second.
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

# Tags that nodes get their topology labels from, where vCenter has none yet.
resource "gantry_zone_tag" "region" {
  count      = var.region == null ? 0 : 1
  datacenter = var.datacenter
  value      = var.region
}

resource "gantry_zone_tag" "zones" {
  for_each        = var.zones
  datacenter      = var.datacenter
  compute_cluster = each.key
  value           = each.value
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
    datacenter      = var.datacenter
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

  console_endpoint        = var.console_endpoint
  pairing_code_wo         = var.agent_pool_token
  pairing_code_wo_version = var.agent_pool_token_version
}

resource "gantry_ip_pool" "teams" {
  for_each        = var.teams
  name            = "${each.key}-nodes"
  gateway_id      = gantry_gateway.dc1.id
  range           = each.value.addresses
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
}

# The password is sent to vCenter to be tried, and kept nowhere: each team has its own copy.
resource "gantry_cloud_account" "teams" {
  for_each            = var.teams
  name                = each.key
  gateway_id          = gantry_gateway.dc1.id
  vcenter_server      = var.vcenter_server
  username            = each.value.username
  password_wo         = var.team_passwords[each.key]
  password_wo_version = var.team_passwords_version
  ca_certificate      = var.vcenter_ca_certificate
}
