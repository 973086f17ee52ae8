resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.100" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2", "10.10.128.3"]
  search_domains  = ["example.com"]
}
