variable "network_manifest" {
  description = "Manifest of the pod network, such as flannel's."
  type        = string
}

variable "csi_manifest" {
  description = "manifests/vanilla/vsphere-csi-driver.yaml of a release of kubernetes-sigs/vsphere-csi-driver, with --feature-gates=Topology=true and --strict-topology of its csi-provisioner."
  type        = string
}

variable "storage_policy" {
  description = "Storage policy of the volumes in vCenter."
  type        = string
}

variable "storage_password" {
  description = "Password of the account that builds the cluster and that its volumes are made with."
  type        = string
  sensitive   = true
}

variable "vcenter_ca" {
  description = "Certificate authority of vCenter, in PEM."
  type        = string
}
