output "clusters" {
  description = "State of each cluster and the address of its API."
  value       = { for name, cluster in module.clusters : name => { state = cluster.state, endpoint = cluster.endpoint } }
}
