# shellcheck shell=bash disable=SC2154,SC2034
# The part of bootstrap.sh that makes a node image of a distribution's own: it installs containerd and
# Kubernetes by the distribution's package manager, and configures both.

kubernetes_packages=(kubeadm kubelet kubectl cri-tools kubernetes-cni)

# install_kubernetes can be run again, after the loss of power. The repository's key is fetched from it,
# by TLS; without a signature by that key nothing is installed.
install_kubernetes() {
	local version url
	read_packages
	progress=building
	say "install Kubernetes $version"
	refuse_other_version
	trust_files
	if [[ ! -e $state/installing ]] && is_installed; then
		say "Kubernetes $version is in the image already"
	else
		touch "$state/installing" # until it is held, too
		install_packages
		rm -f "$state/installing"
	fi
	check_installed
	set_kernel
	no_swap
	configure_containerd
	[[ -e $root/etc/crictl.yaml ]] || printf 'runtime-endpoint: %s\n' "$socket" >"$root/etc/crictl.yaml"
	# Sorts behind what distributions and their installers leave.
	printf 'datasource_list: [VMware]\n' >"$root/etc/cloud/cloud.cfg.d/zz-gantry.cfg"
	run systemctl daemon-reload
	run systemctl enable containerd
	run systemctl restart containerd
	# It has nothing to run yet, and is enabled by what makes a node of a clone.
	run systemctl stop kubelet
}

install_packages() {
	if [[ -d $root/etc/apt/apt.conf.d ]] && command -v apt-get >/dev/null; then
		install_by_apt
	elif command -v dnf >/dev/null; then
		install_rpms /etc/dnf/dnf.conf iproute-tc dnf -y --setopt=install_weak_deps=False
	elif command -v tdnf >/dev/null; then # Photon
		install_rpms /etc/tdnf/tdnf.conf iproute2 tdnf -y
	else
		say 'Kubernetes cannot be installed: neither apt-get, dnf nor tdnf is in the image'
		return 1
	fi
}

# read_packages sets the variables of its caller.
read_packages() { { read -r version && read -r url; } <"$state/install-kubernetes"; }

# refuse_other_version stops where an upgrade, or a downgrade, of what is in the image would be needed.
refuse_other_version() {
	local found
	found=$(kubeadm version -o short 2>/dev/null) || found=''
	if [[ -n $found && $found != "v$version" ]]; then
		say "the image of which this one is made holds kubeadm $found, and $version is to be installed:" \
			'choose one without Kubernetes, or of that version'
		return 1
	fi
}

# is_installed reports whether all of it is there, in that version.
is_installed() {
	[[ $(kubeadm version -o short 2>/dev/null) == "v$version" &&
		$(kubelet --version 2>/dev/null) == "Kubernetes v$version" ]] || return 1
	kubectl version --client >/dev/null 2>&1 && crictl --version >/dev/null 2>&1 && containerd_version >/dev/null
}

# check_installed stops where not all of it is there.
check_installed() {
	if ! is_installed; then
		say "the image is to hold containerd and Kubernetes $version, and it holds kubeadm" \
			"$(kubeadm version -o short 2>&1), kubelet $(kubelet --version 2>&1), $(crictl --version 2>&1), $(containerd --version 2>&1)"
		return 1
	fi
}

# trust_files has the machine trust the authorities that files of the build have brought, such as that
# of a site's own mirror.
trust_files() {
	if command -v rehash_ca_certificates.sh >/dev/null; then # Photon
		run rehash_ca_certificates.sh
	elif command -v update-ca-trust >/dev/null; then # Red Hat's family
		run update-ca-trust extract
	elif command -v update-ca-certificates >/dev/null; then
		run update-ca-certificates
	fi
}

# apt_get answers no questions, and keeps the files of users.
apt_get() {
	say "+ apt-get $*"
	DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 timeout -k 10 "$limit" apt-get -qq -y -o Acquire::Retries=3 \
		-o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
		"$@" </dev/null 2>&1 | redact >>"$log"
}

install_by_apt() {
	local containerd=()
	# The power may have been lost.
	retry 3 : run env DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --configure -a
	retry 3 : apt_repository
	if ! containerd_version >/dev/null; then
		containerd=(containerd)
		# Docker's, where a file of the build has brought its repository.
		! apt-cache show containerd.io >/dev/null 2>&1 || containerd=(containerd.io)
	fi
	retry 3 : apt_get install --no-install-recommends ca-certificates conntrack ethtool iproute2 iptables kmod openssl socat \
		"${containerd[@]}" || unavailable "containerd and what Kubernetes needs of the distribution"
	retry 3 : apt_get install --no-install-recommends "kubeadm=$version-*" "kubelet=$version-*" "kubectl=$version-*" \
		cri-tools kubernetes-cni || unavailable "Kubernetes $version" "$url/deb/"
	run apt-mark hold "${kubernetes_packages[@]}"
}

# apt_repository has apt read the repository, whose signature it checks.
apt_repository() {
	local key=$root/etc/apt/keyrings/gantry-kubernetes.asc list=$root/etc/apt/sources.list.d/gantry-kubernetes.list
	mkdir -p "${key%/*}"
	# Through apt's own proxy. It has a sandbox of its own.
	if ! run "$root/usr/lib/apt/apt-helper" download-file "$url/deb/Release.key" "$key.new" ||
		! grep -q 'BEGIN PGP PUBLIC KEY BLOCK' "$key.new"; then
		say "the key of the package repository was not found at $url/deb/Release.key"
		return 1
	fi
	mv "$key.new" "$key"
	printf 'deb [signed-by=%s] %s/deb/ /\n' "$key" "$url" >"$list"
	chmod 0644 "$key" "$list"
	apt_get -o APT::Update::Error-Mode=any update # else a mirror that is not reached is a warning
}

# unavailable says what could not be installed, below what the package manager has said.
unavailable() {
	say "$1 could not be installed from ${2:-the repositories of the image}"
	return 1
}

# install_rpms does it by dnf, or one of its kind, which fetches the key by itself. What it is to hold
# is excluded once it is there: an exclusion holds for an installation, too.
install_rpms() {
	local conf=$1 tc=$2
	local -a rpm=(timeout -k 10 "$limit" "${@:3}" install)
	printf '%s\n' '[gantry-kubernetes]' name=Kubernetes "baseurl=$url/rpm/" enabled=1 gpgcheck=1 \
		"gpgkey=$url/rpm/repodata/repomd.xml.key" >"$root/etc/yum.repos.d/gantry-kubernetes.repo"
	chmod 0644 "$root/etc/yum.repos.d/gantry-kubernetes.repo"
	retry 3 : run "${rpm[@]}" ca-certificates conntrack-tools ethtool "$tc" iptables kmod openssl socat ||
		unavailable "what Kubernetes needs of the distribution"
	if ! containerd_version >/dev/null; then
		# Red Hat's family has none of its own, Photon has.
		local runtime=containerd
		! run timeout -k 10 "$limit" "${@:3}" list containerd.io || runtime=containerd.io
		retry 3 : run "${rpm[@]}" "$runtime" || {
			say "$runtime was not installed: where no repository of the image has it, bring one by a file of the build"
			return 1
		}
	fi
	retry 3 : run "${rpm[@]}" "kubeadm-$version" "kubelet-$version" "kubectl-$version" cri-tools kubernetes-cni ||
		unavailable "Kubernetes $version" "$url/rpm/"
	hold_rpms "$root$conf"
}

# hold_rpms excludes what is installed from upgrades, beside what is excluded already.
hold_rpms() {
	local content
	touch "$1"
	content=$(packages="${kubernetes_packages[*]}" awk '
		/^[[:space:]]*\[/ { main = /^[[:space:]]*\[main\]/ }
		main && /^[[:space:]]*exclude(pkgs)?[[:space:]]*=/ { sub(/^[^=]*=[[:space:]]*/, ""); former = former " " $0; next }
		{ lines[++n] = $0; if (main && !at) at = n }
		END {
			if (!at) print "[main]\nexcludepkgs=" ENVIRON["packages"]
			for (i = 1; i <= n; i++) {
				print lines[i]
				if (i == at) print "excludepkgs=" ENVIRON["packages"] former
			}
		}' "$1")
	printf '%s\n' "$content" >"$1"
}

# configure_containerd has it use the control groups of systemd, look for the plug-ins of networks where
# charts put them, find mirrors in its usual directory, and run pods in the sandbox image that kubeadm
# expects. All of its other settings stay.
configure_containerd() {
	local file=$root/etc/containerd/config.toml was own imports
	mkdir -p "$root/etc/containerd"
	printf '/etc/containerd/certs.d\n' >"$state/mirrored"
	kubeadm config images list --kubernetes-version "v$version" 2>>"$log" | sed -n '/\/pause:/p' >"$state/sandbox-image"
	if [[ -f $file ]]; then
		# Docker's package has the part switched off that kubelet speaks to.
		sed -i -E "/^[[:space:]]*disabled_plugins/s/[\"'](io\.containerd\.grpc\.v1\.)?cri[\"'],? *//" "$file"
	fi
	was=$(containerd_config) || {
		say 'containerd does not say how it is configured'
		return 1
	}
	own=$(grep -sE '^imports *= *\[.*\] *$' "$file" | head -n 1) || own=''
	for imports in "${own:-imports = []}" 'imports = []'; do
		[[ ! -f $file ]] || cp -p "$file" "$file.new" # with its mode and owner
		with_registry <<<"$was" | with_runtime |
			imports=$imports awk '/^imports *=/ { print ENVIRON["imports"]; next } { print }' >"$file.new"
		mv "$file.new" "$file"
		! is_configured || return 0
	done
	say "containerd does not take its configuration from $file: choose an image whose containerd is 1.6 or newer"
	return 1
}

# is_configured reports whether containerd reads of its file what it has to.
is_configured() {
	local now
	now=$(containerd_config) || return 1
	is_registry_set && [[ $now == *'SystemdCgroup = true'* && $(with_runtime <<<"$now") == "$now" ]]
}

# with_runtime changes a configuration that containerd has printed.
with_runtime() {
	awk -v plugins=/opt/cni/bin -v "quotes=[\"']" '
		/^[[:space:]]*\[/ {
			table = $0
			gsub(/[][[:space:]]/, "", table)
			gsub(quotes, "", table)
		}
		table ~ /^plugins\.io\.containerd\.(grpc\.v1\.cri|cri\.v1\.runtime)\./ {
			if (table ~ /\.runtimes\.runc\.options$/ && /^[[:space:]]*SystemdCgroup[[:space:]]*=/)
				sub(/=.*/, "= true")
			if (table ~ /\.cni$/ && /^[[:space:]]*bin_dir[[:space:]]*=/ && $0 !~ "=[[:space:]]*" quotes quotes && index($0, plugins) == 0)
				sub(/=.*/, "= \"" plugins "\"")
			if (table ~ /\.cni$/ && /^[[:space:]]*bin_dirs[[:space:]]*=/ && index($0, plugins) == 0)
				sub(/=.*/, "= [\"" plugins "\"]")
		}
		{ print }'
}

# check_node_image stops where the scripts of users have left no node image.
check_node_image() {
	local version url
	read_packages
	check_installed
	check_firewall
}

# check_firewall stops where a firewall would close what nodes need of each other, and its rules do not
# have the port that all of them have. Photon's iptables lets nothing in but SSH.
check_firewall() {
	local firewall=''
	if is_closed firewalld /etc/firewalld; then
		firewall=firewalld
	elif is_closed iptables /etc/systemd/scripts /etc/sysconfig/iptables; then
		firewall=iptables
	elif grep -qs '^ENABLED=yes' "$root/etc/ufw/ufw.conf" && ! grep -rqs 10250 "$root/etc/ufw"; then
		firewall=ufw
	fi
	if [[ -n $firewall ]]; then
		say "$firewall is enabled in the image, and closes TCP 10250, which every node needs: a script of the build is to disable it," \
			'or to open what the guide on node images lists'
		return 1
	fi
}

# is_closed reports whether a firewall is enabled whose rules have neither the port, nor a service of
# firewalld that has it, nor let everything in.
is_closed() {
	local service=$1
	shift
	[[ $(systemctl is-enabled "$service.service" 2>/dev/null) == enabled ]] &&
		! grep -rqsE '10250|"(kubelet|kube-(worker|control-plane|node)[a-z-]*)"|target="ACCEPT"' "${@/#/$root}"
}
