# shellcheck shell=bash disable=SC2154
# The part of bootstrap.sh that makes a machine ready for containers, node or load balancer: its
# kernel, its network, what it trusts, and its proxy.

prepare() {
	set_kernel
	refuse_advertisements
	trust_ca
	package_proxy
	no_swap
	[[ ! -f $state/registry.sh ]] || set_registry
	run systemctl daemon-reload
	run systemctl enable containerd kubelet
	# Restarted, not started: it has to read its proxy and the trusted CAs.
	run systemctl restart containerd
}

# set_kernel loads what containers need and sets what routes their traffic, at each boot from now on.
set_kernel() {
	local module
	printf 'overlay\nbr_netfilter\n' >"$root/etc/modules-load.d/90-gantry.conf"
	for module in overlay br_netfilter; do
		# Built into some kernels, where there is nothing to load.
		run modprobe "$module" || say "module $module was not loaded"
	done
	{
		echo 'net.ipv4.ip_forward = 1'
		echo 'net.ipv6.conf.all.forwarding = 1'
		echo 'net.bridge.bridge-nf-call-iptables = 1'
		echo 'net.bridge.bridge-nf-call-ip6tables = 1'
		# For ifupdown and network-scripts, which leave advertisements to the kernel.
		echo "net.ipv6.conf.$nic.accept_ra = 0"
	} >"$root/etc/sysctl.d/90-gantry.conf"
	run sysctl -e -p "$root/etc/sysctl.d/90-gantry.conf" || say 'not every kernel setting was taken'
}

# refuse_advertisements keeps routers from giving the node an address, a route and a
# DNS server that no pool has. The network's document says so, but not every renderer
# of cloud-init passes it on; what came before is removed.
refuse_advertisements() {
	local connection
	if [[ -f $root/etc/systemd/network/10-cloud-init-$nic.network ]]; then
		# networkd read the unit before cloud-init wrote the drop-in to it.
		run networkctl reload || say 'networkd did not read its configuration again'
	fi
	if command -v nmcli >/dev/null && connection=$(nmcli -g GENERAL.CONNECTION device show "$nic" 2>>"$log") &&
		[[ -n $connection && $(nmcli -g ipv6.method connection show "$connection" 2>>"$log") == auto ]]; then
		# NetworkManager listens to routers itself, whatever the kernel is told, and has
		# no default for this outside of the connection.
		run nmcli connection modify "$connection" ipv6.method link-local
		run nmcli device reapply "$nic" || say "NetworkManager did not apply the change to $nic"
	fi
	run ip -6 address flush dev "$nic" scope global dynamic || say "advertised addresses of $nic were not removed"
}

# trust_ca has the whole machine trust the proxy's CA.
trust_ca() {
	local directory suffix=crt
	local -a update
	[[ -f $state/proxy-ca.crt ]] || return 0
	if command -v rehash_ca_certificates.sh >/dev/null; then # Photon
		directory=/etc/ssl/certs suffix=pem update=(rehash_ca_certificates.sh)
	elif command -v update-ca-trust >/dev/null; then # Red Hat's family
		directory=/etc/pki/ca-trust/source/anchors update=(update-ca-trust extract)
	elif command -v update-ca-certificates >/dev/null; then # Debian, Ubuntu, SUSE
		directory=/usr/local/share/ca-certificates update=(update-ca-certificates)
		if [[ -d $root/etc/pki/trust/anchors ]]; then
			directory=/etc/pki/trust/anchors
		fi
	else
		say 'the CA of the proxy cannot be installed: neither update-ca-certificates nor update-ca-trust is in the image'
		return 1
	fi
	mkdir -p "$root$directory"
	# One file each: of a bundle some take the first certificate only.
	awk -v "prefix=$root$directory/gantry-" -v "suffix=.$suffix" \
		'/-----BEGIN/ { n++ } n { print > (prefix n suffix) }' "$state/proxy-ca.crt"
	run "${update[@]}"
}

# package_proxy has the package manager use the proxy, as containerd does. What holds a
# password is for root alone. Of the exceptions, apt takes host names.
package_proxy() (
	[[ -f $state/proxy.env ]] || return 0
	# shellcheck source=/dev/null
	. "$state/proxy.env"
	# Each of them may be left out.
	http=${HTTP_PROXY:-} https=${HTTPS_PROXY:-}
	mode=0644
	[[ $http$https != *@* ]] || mode=0600
	umask 077
	if [[ -d $root/etc/apt/apt.conf.d ]]; then
		conf=$root/etc/apt/apt.conf.d/90gantry-proxy
		{
			[[ -z $http ]] || printf 'Acquire::http::Proxy "%s";\n' "${http//\"/%22}"
			[[ -z $https ]] || printf 'Acquire::https::Proxy "%s";\n' "${https//\"/%22}"
			tr , '\n' <<<"${NO_PROXY:-}" | while read -r host; do
				[[ $host =~ ^[A-Za-z0-9][A-Za-z0-9.-]*$ ]] || continue
				printf 'Acquire::http::Proxy::%s "DIRECT";\nAcquire::https::Proxy::%s "DIRECT";\n' "$host" "$host"
			done
		} >"$conf"
		chmod "$mode" "$conf"
	fi
	for conf in "$root"/etc/{dnf/dnf.conf,yum.conf,tdnf/tdnf.conf}; do
		[[ -f $conf && ! -L $conf ]] || continue
		# The file stays, with its owner and label.
		content=$(proxy=${https:-$http} awk '/^[[:space:]]*proxy[[:space:]]*=/ { next } { print } /^\[main\]/ { print "proxy=" ENVIRON["proxy"] }' "$conf")
		printf '%s\n' "$content" >"$conf"
		chmod "$mode" "$conf"
	done
)

# no_swap switches swap off for good: kubelet refuses to start with it, and what it
# came from would switch it on again at the next boot.
no_swap() {
	local unit
	run swapoff -a
	if [[ -f $root/etc/fstab ]]; then
		sed -i -E 's/^([^#[:space:]]+[[:space:]]+[^[:space:]]+[[:space:]]+swap[[:space:]].*)$/# \1/' "$root/etc/fstab"
	fi
	mkdir -p "$units"
	# As "systemctl mask" does it, which refuses where a unit is in this directory.
	while read -r unit _; do
		if [[ $unit == *.swap ]]; then
			ln -sfn /dev/null "$units/$unit"
		fi
	done < <({
		systemctl list-units --type=swap --all --plain --no-legend
		systemctl list-unit-files --type=swap --plain --no-legend
	} 2>>"$log")
	for unit in zramswap.service zram-config.service; do
		ln -sfn /dev/null "$units/$unit"
	done
	# An empty file takes the place of the distribution's, and no device is made.
	: >"$root/etc/systemd/zram-generator.conf"
}
