output "zones" {
  description = "Zone of each compute cluster of dc-1."
  value       = data.gantry_zone_tags.primary.zones
}

output "gateway" {
  description = "State of the gateway and the address of its API."
  value       = { state = gantry_gateway.dc1.state, endpoint = gantry_gateway.dc1.control_plane_endpoint }
}

output "cluster" {
  description = "State of the cluster and the address of its API."
  value       = { state = gantry_vmware_cluster.prod.state, endpoint = gantry_vmware_cluster.prod.control_plane_endpoint }
}

output "nodes" {
  description = "Nodes of the cluster with their addresses."
  value       = { for name, node in gantry_vmware_cluster.prod.nodes : name => node.address }
}

output "kubeconfig" {
  description = "Kubeconfig of an administrator of the cluster."
  value       = gantry_vmware_cluster.prod.kubeconfig
  sensitive   = true
}
