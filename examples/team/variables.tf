variable "team" {
  description = "Name of the team: its cloud account has the same name."
  type        = string
}

variable "gateway" {
  description = "Name of the gateway that the clusters are built through."
  type        = string
  default     = "dc1"
}

variable "team_password" {
  description = "Password of the team's vSphere user. No state holds it, and the data source has none."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "team_password_version" {
  description = "Increment it to send a new password."
  type        = number
  default     = 1
}

variable "network_manifest" {
  description = "Manifest of the pod network, such as flannel's."
  type        = string
}

variable "clusters" {
  description = "Clusters of the team. Workers go round-robin over the compute clusters."
  type = map(object({
    worker_count     = number
    compute_clusters = optional(list(string), ["cluster-a"])
  }))
}
