variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "ip_pool_id" {
  description = "IP pool of the nodes and of the control plane's address."
  type        = string
}

variable "cloud_account" {
  description = "Cloud account that the cluster is built with: a resource or a data source."
  type = object({
    id                   = string
    name                 = string
    gateway_id           = optional(string)
    vcenter_server       = string
    username             = string
    ca_certificate       = optional(string)
    insecure_skip_verify = optional(bool)
  })
}

variable "cloud_account_secret" {
  description = "Password of the cloud account."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "cloud_account_version" {
  description = "Version of the password."
  type        = number
}

variable "compute_clusters" {
  description = "Compute clusters of the workers; the control plane is on the first one."
  type        = list(string)
}

variable "worker_count" {
  description = "Workers of the cluster."
  type        = number
}

variable "network_manifest" {
  description = "Manifest of the pod network."
  type        = string
}
