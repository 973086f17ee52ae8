# The certificate authorities and the configuration are read from the gateway, with a
# kubeconfig that has a client certificate inside of it. With store_authorities = false,
# GANTRY_IMPORT_AUTHORITIES names the directory of the authorities.
export GANTRY_IMPORT_KUBECONFIG=./dc1.kubeconfig
terraform import gantry_gateway.dc1 dc1
# Without the variable, what nothing runs of any more is imported, to be destroyed.
