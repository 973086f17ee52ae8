# The certificate authorities and the configuration are read from the gateway.
export GANTRY_IMPORT_KUBECONFIG=./dc1.kubeconfig
terraform import gantry_gateway.dc1 dc1
