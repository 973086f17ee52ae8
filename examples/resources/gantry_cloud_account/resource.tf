# The password is kept nowhere: neither in the state nor in a plan.
resource "gantry_cloud_account" "team_a" {
  name                = "team-a"
  vcenter_server      = "vcenter.example.com"
  username            = "team-a@vsphere.local"
  password_wo         = var.team_a_password
  password_wo_version = 1
}

variable "team_a_password" {
  type      = string
  sensitive = true
  ephemeral = true
}
