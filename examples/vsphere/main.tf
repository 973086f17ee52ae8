# A cluster whose nodes know where they are in vSphere, and whose pods have volumes there: the cloud
# provider and the CSI driver of vSphere log in by Secrets that are written from the cluster's
# account, and renewed with its password.
#
# Where vCenter is and who logs in comes from the environment: VSPHERE_SERVER,
# VSPHERE_USER and VSPHERE_PASSWORD.

terraform {
  required_providers {
    gantry = {
      source = "gantry/gantry"
    }
  }
}

provider "gantry" {}

locals {
  vcenter    = "vcenter.example.com" # without a port
  datacenter = "dc-1"
  clusters   = toset(["cluster-a", "cluster-b"])
  region     = "k8s-region" # tag categories, as gantry_zone_tag has them
  zone       = "k8s-zone"
}

# The tags become the labels topology.kubernetes.io/region and topology.kubernetes.io/zone of nodes.
resource "gantry_zone_tag" "region" {
  datacenter = local.datacenter
  value      = "frankfurt"
}

resource "gantry_zone_tag" "zone" {
  for_each = local.clusters

  datacenter      = local.datacenter
  compute_cluster = each.key
  value           = each.key
}

resource "gantry_vmware_cluster" "prod" {
  name          = "prod-1"
  cloud_account = gantry_cloud_account.storage
  datacenter    = local.datacenter
  network       = { ip_allocation = "static" }

  profile = {
    kubernetes_version = "1.37.2"
    image              = { template = "gantry-node-1.37.2" }
    packs = {
      network = { layer = "cni", manifests = [var.network_manifest] }

      # The chart's own configuration has no certificate of vCenter checked: it reads this one.
      cloud-config = {
        layer = "cpi"
        manifests = [yamlencode({
          apiVersion = "v1"
          kind       = "ConfigMap"
          metadata   = { name = "cloud-config", namespace = "kube-system" }
          data = {
            "ca.crt" = var.vcenter_ca
            "vsphere.conf" = yamlencode({
              global = { caFile = "/etc/cloud/ca.crt", secretName = "vsphere-cloud-secret", secretNamespace = "kube-system" }
              vcenter = {
                (local.vcenter) = { server = local.vcenter, port = 443, datacenters = [local.datacenter] }
              }
              labels = { region = local.region, zone = local.zone }
            })
          }
        })]
      }

      # With a pack of this layer, kubelet runs with cloud-provider=external, and nodes get their
      # provider ids and topology labels from the cloud provider.
      cloud-provider = {
        layer               = "cpi"
        chart               = { name = "vsphere-cpi", repository = "https://kubernetes.github.io/cloud-provider-vsphere", version = "1.36.0" }
        namespace           = "kube-system"
        depends_on          = ["cloud-config"]
        vsphere_credentials = { namespace = "kube-system", secret = "vsphere-cloud-secret", format = "cpi" }
      }

      storage = {
        layer     = "csi"
        manifests = [var.csi_manifest]
        vsphere_credentials = {
          namespace           = "vmware-system-csi"
          secret              = "vsphere-config-secret"
          format              = "csi"
          topology_categories = [local.region, local.zone]
        }
      }

      storage-class = {
        layer = "addon"
        manifests = [yamlencode({
          apiVersion = "storage.k8s.io/v1"
          kind       = "StorageClass"
          metadata = {
            name        = "vsphere"
            annotations = { "storageclass.kubernetes.io/is-default-class" = "true" }
          }
          provisioner       = "csi.vsphere.vmware.com"
          parameters        = { storagepolicyname = var.storage_policy }
          volumeBindingMode = "WaitForFirstConsumer" # in the zone of its pod
        })]
      }
    }
  }

  control_plane = {
    node_count = 3
    cpu        = 2
    memory_gb  = 8
    placements = local.placements
  }

  worker_pools = {
    general = { node_count = 4, cpu = 4, memory_gb = 16, placements = local.placements }
  }

  depends_on = [gantry_zone_tag.region, gantry_zone_tag.zone]
}

locals {
  placements = [
    for name in local.clusters : {
      compute_cluster = name
      datastore       = "shared-1"
      network         = "dvpg-nodes"
      ip_pool_id      = gantry_ip_pool.nodes.id
    }
  ]
}

resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.100" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
}

# The CSI driver takes user names of the form user@domain or domain\user alone.
resource "gantry_cloud_account" "storage" {
  name           = "storage"
  vcenter_server = local.vcenter
  username       = "k8s-storage@vsphere.local"
  password       = var.storage_password
}
