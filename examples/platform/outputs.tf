# What a team's workspace may be given, by id. It can also look all of it up by name, with
# the data sources.
output "gateway_id" {
  description = "Gateway that the teams' clusters are built through."
  value       = gantry_gateway.dc1.id
}

output "ip_pool_ids" {
  description = "IP pool of each team."
  value       = { for team, pool in gantry_ip_pool.teams : team => pool.id }
}
