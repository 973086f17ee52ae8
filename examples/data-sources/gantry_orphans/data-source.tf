# What carries Gantry's marks and belongs to nothing that is registered.
data "gantry_orphans" "all" {}

output "to_do" {
  value = [for o in data.gantry_orphans.all.orphans : "${o.kind} ${o.name}: ${o.remediation}"]
}
