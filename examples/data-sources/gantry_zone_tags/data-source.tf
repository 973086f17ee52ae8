data "gantry_zone_tags" "dc1" {
  datacenter = "dc-1"
}

output "untagged" {
  value = data.gantry_zone_tags.dc1.untagged_compute_clusters
}
