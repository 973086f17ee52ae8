data "gantry_datacenters" "all" {}

output "templates" {
  value = { for name, dc in data.gantry_datacenters.all.datacenters : name => dc.templates }
}
