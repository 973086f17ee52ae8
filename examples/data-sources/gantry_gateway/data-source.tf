# The gateway of another workspace: its state, and what a cluster needs of it.
data "gantry_gateway" "dc1" {
  name = "dc1"
}

resource "gantry_ip_pool" "team" {
  name            = "team"
  gateway_id      = data.gantry_gateway.dc1.id
  range           = { start = "10.10.185.1", end = "10.10.185.50" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
}

output "gateway_state" {
  value = data.gantry_gateway.dc1.state
}
