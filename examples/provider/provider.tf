terraform {
  required_providers {
    gantry = {
      source = "gantry/gantry"
    }
  }
}

# Server, user and password come from VSPHERE_SERVER, VSPHERE_USER and
# VSPHERE_PASSWORD where they are not set here.
provider "gantry" {
  vcenter_server = "vcenter.example.com"
  username       = "svc-gantry@vsphere.local"
  password       = var.vcenter_password

  # At most 16 operations in vCenter at a time.
  max_parallel_operations = 16
}

variable "vcenter_password" {
  type      = string
  sensitive = true
}
