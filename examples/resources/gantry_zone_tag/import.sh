# A region is imported by its datacenter, a zone by datacenter/compute-cluster. The inventory
# path of either does, too.
terraform import gantry_zone_tag.region dc-2
terraform import 'gantry_zone_tag.zone["cluster-d"]' dc-2/cluster-d
