resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.100" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
}

resource "gantry_node_image" "golden" {
  name = "golden-1.37.2"
  base = { template = "debian-13" }

  build = {
    install_kubernetes = { version = "1.37.2" }
    scripts            = ["apt-get install -y auditd"]
  }

  placement = {
    datacenter      = "dc-1"
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
  }
  network      = { ip_allocation = "static" }
  ip_pool_id   = gantry_ip_pool.nodes.id
  image_folder = "images"

  # Another build is made, and clusters change to it, before this one is deleted.
  lifecycle { create_before_destroy = true }
}

# A cluster names its template:
#   profile = { kubernetes_version = "1.37.2", image = { template = gantry_node_image.golden.template } }
