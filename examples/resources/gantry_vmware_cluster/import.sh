# The certificate authorities and the configuration are read from the cluster, with a
# kubeconfig that has a client certificate inside of it. With store_authorities = false,
# GANTRY_IMPORT_AUTHORITIES names the directory of the authorities.
# One of a gateway is imported by "<gateway id>/<name>".
export GANTRY_IMPORT_KUBECONFIG=./prod-1.kubeconfig
terraform import gantry_vmware_cluster.prod prod-1
# Without the variable, what nothing runs of any more is imported, to be destroyed.
