# What the user of an account lacks on the objects of a cluster.
data "gantry_privileges" "team_a" {
  username = "team-a@vsphere.local"
  on = {
    datacenter      = "dc-1"
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    folder          = "k8s"
    template        = "gantry-node-1.37.2"
  }
}

output "missing" {
  value = data.gantry_privileges.team_a.missing
}

output "table" {
  value = {
    for p in data.gantry_privileges.team_a.privileges :
    "${p.role}: ${p.group} > ${p.name}" => p.granted
  }
}
