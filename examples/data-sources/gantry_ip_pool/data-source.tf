# The pool of another workspace, and who has its addresses.
data "gantry_ip_pool" "nodes" {
  name                = "prod-nodes"
  include_allocations = true
}

output "free" {
  value = data.gantry_ip_pool.nodes.available_addresses
}

output "holders" {
  value = data.gantry_ip_pool.nodes.allocations
}
