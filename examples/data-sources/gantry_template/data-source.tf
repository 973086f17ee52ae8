# What vCenter knows of a node image, and what of it will not work.
data "gantry_template" "node" {
  datacenter = "dc-1"
  template   = "gantry-node-1.37.2"

  lifecycle {
    postcondition {
      condition     = length(self.problems) + length(self.warnings) == 0
      error_message = join("\n", concat(self.problems, self.warnings))
    }
  }
}

output "kubernetes_version" {
  value = data.gantry_template.node.kubernetes_version
}
