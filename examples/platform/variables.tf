variable "datacenter" {
  description = "Datacenter that all of it is in."
  type        = string
  default     = "dc-1"
}

variable "vcenter_server" {
  description = "vCenter server that the teams' accounts log in to: the provider's own."
  type        = string
}

variable "vcenter_ca_certificate" {
  description = "Authorities of vCenter's certificate, as PEM; null: as the provider verifies it."
  type        = string
  default     = null
}

variable "console_endpoint" {
  description = "HCP Terraform or Terraform Enterprise."
  type        = string
  default     = "https://app.terraform.io"
}

variable "agent_pool_token" {
  description = "Token of the agent pool that the gateway's agents register with."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "agent_pool_token_version" {
  description = "Increment it to send a new token."
  type        = number
  default     = 1
}

variable "region" {
  description = "Region of the datacenter, where it has no tag of category k8s-region yet."
  type        = string
  default     = null
}

variable "zones" {
  description = "Zone of each compute cluster of the datacenter that has no tag of category k8s-zone yet."
  type        = map(string)
  default     = {}
}

variable "teams" {
  description = "vSphere user and addresses of each team."
  type = map(object({
    username  = string
    addresses = object({ start = string, end = string })
  }))
}

variable "team_passwords" {
  description = "Password of each team's vSphere user."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}

variable "team_passwords_version" {
  description = "Increment it to send new passwords."
  type        = number
  default     = 1
}
