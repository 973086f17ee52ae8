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

  console_endpoint        = "https://app.terraform.io"
  pairing_code_wo         = var.agent_pool_token
  pairing_code_wo_version = 1
}

variable "agent_pool_token" {
  type      = string
  sensitive = true
  ephemeral = true
}
