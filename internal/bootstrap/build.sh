# shellcheck shell=bash disable=SC2154,SC2034
# The part of bootstrap.sh for a machine of which a node image is made: it runs the users' scripts,
# and then removes what made this machine one of its own.

# build_image runs the scripts. A unit runs it at every boot: what the power was lost over goes on.
build_image() {
	trap finish EXIT
	limit=${GANTRY_LIMIT:-7200}
	say 'image build'
	report booting
	[[ ! -f $state/lease.sh ]] || await_lease
	report building
	if [[ ! -e $state/image-built ]]; then
		check_files
		refuse_advertisements
		trust_ca
		package_proxy
		keep_packages_to_scripts
		run systemctl daemon-reload
		# It has to read its proxy, where the image has it by now.
		run systemctl try-restart containerd || say 'containerd was not restarted'
		[[ ! -f $state/install-kubernetes ]] || install_kubernetes
		run_commands build
		[[ ! -f $state/install-kubernetes ]] || check_node_image
		touch "$state/image-built"
		sync
	fi
	# After cloud-init's last stage, which waits for this one and writes what has to go.
	run systemctl start --no-block gantry-clean.service
}

# keep_packages_to_scripts stops what looks for upgrades by itself: it has the lock of the packages
# when scripts want it, and restarts services. It is there again at the next boot, as in clones.
# What is at work now, scripts wait for. It fails for those that are not there.
keep_packages_to_scripts() {
	systemctl stop {apt-daily,apt-daily-upgrade,dnf-makecache,dnf-automatic,dnf-automatic-install}.timer \
		{apt-daily,apt-daily-upgrade,unattended-upgrades,dnf-makecache,packagekit}.service </dev/null >/dev/null 2>&1 || true
	if [[ -d $root/etc/apt/apt.conf.d ]]; then
		printf 'DPkg::Lock::Timeout "600";\n' >"$root/etc/apt/apt.conf.d/90gantry-build"
	fi
}

# clean_image removes what clones must not have, reports that, and powers off. The report goes with
# the power, so it comes some time before.
clean_image() {
	local again
	trap finish EXIT
	say 'clean'
	report cleaning
	clean_packages
	clean_proxy
	clean_network
	clean_build
	clean_machine
	say 'built'
	sync # before it is said
	for ((again = 0; again < 4; again++)); do
		report built
		sleep "$pause"
	done
	clean_logs || true # of what has run on meanwhile
	rm -f "$log"
	sync
	systemctl poweroff
}

clean_packages() {
	rm -f "$root/etc/apt/apt.conf.d/90gantry-build"
	if [[ -d $root/etc/apt/apt.conf.d ]]; then
		run apt-get clean || say 'the cache of apt was not emptied'
		rm -rf "$root"/var/lib/apt/lists/*
	fi
	if command -v dnf >/dev/null; then
		run dnf clean all || say 'the cache of dnf was not emptied'
	elif command -v tdnf >/dev/null; then
		run tdnf clean all || say 'the cache of tdnf was not emptied'
	fi
}

# clean_proxy takes back what trust_ca and package_proxy have done: the next machine may have another
# proxy, or none, and is not to know the password of this one.
clean_proxy() {
	local conf content
	rm -f "$root/etc/apt/apt.conf.d/90gantry-proxy"
	if [[ -f $state/proxy.env ]]; then
		for conf in "$root"/etc/{dnf/dnf.conf,yum.conf,tdnf/tdnf.conf}; do
			[[ -f $conf && ! -L $conf ]] || continue
			content=$(sed -E '/^[[:space:]]*proxy[[:space:]]*=/d' "$conf")
			printf '%s\n' "$content" >"$conf"
			chmod 0644 "$conf"
		done
	fi
	rm -f "$root/etc/systemd/system/containerd.service.d/50-gantry-proxy.conf"
	[[ -f $state/proxy-ca.crt ]] || return 0
	rm -f "$root"/etc/ssl/certs/gantry-*.pem "$root"/etc/pki/ca-trust/source/anchors/gantry-*.crt \
		"$root"/usr/local/share/ca-certificates/gantry-*.crt "$root"/etc/pki/trust/anchors/gantry-*.crt
	rm -f "$state/proxy-ca.crt"
	if command -v rehash_ca_certificates.sh >/dev/null; then # Photon
		run rehash_ca_certificates.sh
	elif command -v update-ca-trust >/dev/null; then # Red Hat's family
		run update-ca-trust extract
	else
		run update-ca-certificates --fresh
	fi
}

# clean_network removes what cloud-init's renderers have written, and leases.
clean_network() {
	rm -rf "$root"/etc/netplan/50-cloud-init.yaml "$root"/etc/systemd/network/*cloud-init-* \
		"$root"/etc/NetworkManager/system-connections/cloud-init-* "$root"/etc/NetworkManager/conf.d/*cloud-init* \
		"$root"/etc/network/interfaces.d/50-cloud-init* "$root"/etc/sysconfig/network-scripts/*-"$nic" \
		"$root"/etc/udev/rules.d/70-persistent-net.rules \
		"$root"/var/lib/dhcp/* "$root"/var/lib/dhclient/* "$root"/var/lib/NetworkManager/*.lease \
		"$root"/var/lib/NetworkManager/secret_key "$root"/run/systemd/netif/leases/*
}

# clean_machine removes what tells this machine from others, and what it has logged. The journal is
# in a directory that has the machine's id for a name, so that goes last.
clean_machine() {
	# It writes its seed again at the shutdown, which all clones would begin with.
	run systemctl mask --runtime systemd-random-seed.service || say 'a new random seed may be in the image'
	rm -f "$root"/etc/ssh/ssh_host_* "$root"/var/lib/systemd/{random-seed,credential.secret}
	rm -f "$root"/etc/nvme/host{nqn,id}
	clean_initiator
	rm -f "$root"/root/.bash_history "$root"/home/*/.bash_history
	if command -v journalctl >/dev/null; then
		run journalctl --rotate --vacuum-time=1s || say 'the journal was not emptied'
	fi
	clean_logs
	: >"$root/etc/machine-id"
	[[ -L $root/var/lib/dbus/machine-id ]] || rm -f "$root/var/lib/dbus/machine-id"
}

# clean_initiator removes the name by which storage knows this machine: of clones that have one name,
# each takes the others' volumes. Debian's family makes one where it is asked to, others where there
# is none.
clean_initiator() {
	local name=$root/etc/iscsi/initiatorname.iscsi
	[[ -f $name ]] || return 0
	if command -v apt-get >/dev/null; then
		printf 'GenerateName=yes\n' >"$name"
	else
		rm -f "$name"
	fi
}

# clean_logs empties the logs, but its own: those that are open stay where they are.
clean_logs() {
	local file
	rm -rf "$root"/var/log/journal/* "$root"/run/log/journal/*
	shopt -s globstar nullglob
	for file in "$root"/var/log/**; do
		if [[ -f $file && ! -L $file && $file != "$log" && $file != */journal/* ]]; then
			: 2>/dev/null >"$file" || say "$file was not emptied"
		fi
	done
	shopt -u globstar nullglob
}

# clean_build removes what this machine was made with, the copies that cloud-init keeps among it.
# The scripts run on: the shell has read them.
clean_build() {
	forget
	run cloud-init clean --logs
	run systemctl disable gantry-build.service
	rm -f "$root"/etc/systemd/system/gantry-{build,clean}.service
	rm -rf "$state"
}

if [[ -f $state/install-kubernetes.sh ]]; then
	# shellcheck source=install-kubernetes.sh
	. "$state/install-kubernetes.sh"
fi
