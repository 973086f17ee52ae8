variable "network_manifest" {
  description = "Manifest of the pod network, such as flannel's."
  type        = string
}

variable "team_password" {
  description = "Password of the team's vSphere user."
  type        = string
  sensitive   = true
}
