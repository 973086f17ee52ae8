#!/bin/bash
# Closes to all but root what the packages of the image and kubeadm leave readable: the
# configuration of kubelet, its unit and that of the pod network. bootstrap.sh runs it
# when the node has joined. On an image whose /usr cannot be written the rest is done.
set -uo pipefail
# A test runs the script on a directory of its own; a node never sets this.
root=${GANTRY_ROOT:-}
status=0

close() { chmod "$1" "$2" || status=1; }

# The files in it are written by the CNI's own pods, with the mode that these choose.
mkdir -p "$root/etc/cni/net.d"
close 700 "$root/etc/cni/net.d"
for file in "$root"/{etc,lib,usr/lib,usr/local/lib}/systemd/system/kubelet.service{,.d/*.conf} \
	"$root"/var/lib/kubelet/{config,instance-config}.yaml; do
	[[ ! -f $file ]] || close 600 "$file"
done
exit "$status"
