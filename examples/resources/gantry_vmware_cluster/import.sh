# The certificate authorities and the configuration are read from the cluster.
# One of a gateway is imported by "<gateway id>/<name>".
export GANTRY_IMPORT_KUBECONFIG=./prod-1.kubeconfig
terraform import gantry_vmware_cluster.prod prod-1
