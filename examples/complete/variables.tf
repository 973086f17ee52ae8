variable "agent_pool_token" {
  description = "Token of the HCP Terraform agent pool that the gateway's agent registers with."
  type        = string
  sensitive   = true
}
