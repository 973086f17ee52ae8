# A cluster of another workspace.
data "gantry_vmware_cluster" "shop" {
  name = "shop"
}

output "endpoint" {
  value = data.gantry_vmware_cluster.shop.control_plane_endpoint
}

output "who_works_on_it" {
  value = data.gantry_vmware_cluster.shop.locked_by
}
