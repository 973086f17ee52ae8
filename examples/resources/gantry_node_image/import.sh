# An image is imported by the name or the inventory path of its template, whichever cluster it was
# built with.
terraform import gantry_node_image.golden /dc-1/vm/images/debian-13-kube-v1.37.2-0f1e2d3c4b5a-6b7c8d9e
