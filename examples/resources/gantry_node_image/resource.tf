resource "gantry_node_image" "golden" {
  name = "golden-1.37.2"
  base = { template = "debian-13" }

  build = {
    install_kubernetes = { version = "1.37.2" }
    scripts            = [file("harden.sh")]
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
