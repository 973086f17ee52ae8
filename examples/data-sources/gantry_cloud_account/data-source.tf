# The account of another workspace. A cluster takes the whole object, and the password from
# a variable that is kept nowhere:
#
#   cloud_account                     = data.gantry_cloud_account.team_a
#   cloud_account_password_wo         = var.team_a_password
#   cloud_account_password_wo_version = 1
data "gantry_cloud_account" "team_a" {
  name = "team-a"
}

output "missing_privileges" {
  value = data.gantry_cloud_account.team_a.missing_privileges
}
