resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.100" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2", "10.10.128.3"]
  search_domains  = ["example.com"]
}

# A subnet of a wider network, without what others use of it, for one cluster.
resource "gantry_ip_pool" "team_a" {
  name                       = "team-a"
  subnet                     = "10.10.184.64/26"
  prefix_length              = 18
  default_gateway            = "10.10.128.1"
  excluded_addresses         = ["10.10.184.70", "10.10.184.80-10.10.184.89", "10.10.184.120/29"]
  network                    = "dvpg-nodes"
  reuse_delay                = "30m"
  restrict_to_single_cluster = true
}

resource "gantry_ip_pool" "ipv6" {
  name            = "prod-nodes-ipv6"
  range           = { start = "2001:db8:0:1::100", end = "2001:db8:0:1::1ff" }
  prefix_length   = 64
  default_gateway = "2001:db8:0:1::1"
  nameservers     = ["2001:db8::53"]
}
