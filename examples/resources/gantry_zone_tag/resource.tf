# The region of a datacenter, and the zones of its compute clusters.
resource "gantry_zone_tag" "region" {
  datacenter = "dc-2"
  value      = "eu-2"
}

resource "gantry_zone_tag" "zone" {
  for_each        = { "cluster-d" = "eu-2a" }
  datacenter      = "dc-2"
  compute_cluster = each.key
  value           = each.value
}
