output "state" {
  description = "State of the cluster."
  value       = gantry_vmware_cluster.this.state
}

output "endpoint" {
  description = "Address of the cluster's API."
  value       = gantry_vmware_cluster.this.control_plane_endpoint
}
