#!/bin/bash
# Makes this machine a node of its cluster: "bootstrap.sh init" on the first
# control-plane node, "bootstrap.sh join" on every other. Values come from the
# files in /etc/gantry; nothing in this script differs between nodes. A unit runs it
# at every boot, so it goes on where the loss of power stopped it. Another one runs
# "bootstrap.sh forget" after the node has joined, and where the machine takes a lease a third
# one "bootstrap.sh lease" every minute. A load balancer runs "bootstrap.sh balance", and a machine
# of which an image is made "bootstrap.sh build", and "bootstrap.sh clean" after that.
set -euo pipefail
# A test runs the script on a directory of its own; a node never sets this.
root=${GANTRY_ROOT:-}
export PATH=${root:+$root/bin:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin
export LC_ALL=C
# kubeadm hands a proxy that it sees on to the control plane's pods.
unset http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY all_proxy ALL_PROXY
socket=unix:///run/containerd/containerd.sock
export CONTAINER_RUNTIME_ENDPOINT=$socket IMAGE_SERVICE_ENDPOINT=$socket
state=$root/etc/gantry
kubernetes=$root/etc/kubernetes
units=$root/etc/systemd/system
nic=eth0 # as the network's document calls it
log=$root/var/log/gantry-bootstrap.log
manifest=$kubernetes/manifests/kube-vip.yaml
pause=${GANTRY_PAUSE:-15}
limit=${GANTRY_LIMIT:-900} # of the users' commands before the join, and of those after it
starts=booting   # the phase until kubeadm runs
progress=kubeadm # the phase of what may take several attempts
python=python3
# Red Hat's 8 has one for the system alone, which cloud-init runs by.
command -v python3 >/dev/null || python=/usr/libexec/platform-python

# redact keeps what kubeadm says and drops what no log may hold: private keys,
# tokens, certificate keys, key material in kubeconfigs, passwords in URLs.
redact() {
	sed -u -E \
		-e 's/-----BEGIN [A-Z ]*PRIVATE KEY-----.*-----END [A-Z ]*PRIVATE KEY-----/[private key]/g' \
		-e '/-----BEGIN [A-Z ]*PRIVATE KEY-----/,/-----END [A-Z ]*PRIVATE KEY-----/c\[private key]' \
		-e 's/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/[token]/g' \
		-e 's/\b[0-9a-fA-F]{64}\b/[64 hex digits]/g' \
		-e 's/((token|password|secret|-key-data|certificate-?key)["'\'']?[:=] *["'\'']?)[^ ,"'\'']+/\1[redacted]/Ig' \
		-e 's#(://)[^/@[:space:]]+@#\1[redacted]@#g' \
		-e 's#[A-Za-z0-9+/]{80,}={0,2}#[data]#g'
}

say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*" >>"$log"; }

# run logs a command's redacted output and keeps its exit status.
run() {
	say "+ $*"
	"$@" </dev/null 2>&1 | redact >>"$log"
}

# rpc sets a guestinfo value. Reporting never stops a bootstrap.
rpc() {
	local command="info-set guestinfo.gantry.$1 $2"
	if command -v vmware-rpctool >/dev/null; then
		timeout 10 vmware-rpctool "$command" >/dev/null 2>&1 || true
	elif command -v vmtoolsd >/dev/null; then
		timeout 10 vmtoolsd --cmd "$command" >/dev/null 2>&1 || true
	fi
}

# report tells the phase, after the log: who sees the phase finds its log.
report() {
	rpc log "$(tail -c 8192 "$log" | redact | tr -cd '\n\t\40-\176' | tail -c 2048)"
	rpc phase "$1"
}

# may_serve reports whether kubeadm init has begun and kubelet runs an API server, which may
# serve: others may have written to it.
may_serve() { [[ -e $state/init-started && -e $kubernetes/manifests/kube-apiserver.yaml ]]; }

finish() {
	local status=$?
	if ((status != 0)); then
		say "bootstrap failed with status $status"
		# A node that has joined serves, whatever fails after that.
		if [[ -e $state/bootstrapped ]]; then
			report post_bootstrap_failed
		elif may_serve; then
			report init_failed
		else
			report failed
		fi
	fi
}

# retry runs a function until it succeeds, with growing pauses, and a clean-up
# before every attempt but the first.
retry() {
	local attempts=$1 cleanup=$2 attempt
	shift 2
	for ((attempt = 1; ; attempt++)); do
		if "$@"; then
			return 0
		fi
		if ((attempt == attempts)); then
			say "gave up after $attempts attempts"
			return 1
		fi
		say "attempt $attempt of $attempts failed"
		report "$progress"
		sleep $((pause * attempt))
		"$cleanup"
	done
}

# check_version stops early when the image holds another minor version.
check_version() {
	local wanted found
	wanted=$(<"$state/kubernetes-version")
	found=$(kubeadm version -o short 2>>"$log")
	say "image holds kubeadm $found, the cluster wants $wanted"
	if [[ ${found%.*} != "${wanted%.*}" ]]; then
		say "the node image is for Kubernetes ${found%.*}, the cluster is at ${wanted%.*}: choose an image of the cluster's version"
		return 1
	fi
}

# check_tools stops early when the image lacks what renews a control plane's certificates:
# it would be missed in half a year.
check_tools() {
	local tool
	[[ ! -f $state/leave-etcd.py ]] || check_python
	[[ -f $state/certificates.sh ]] || return 0
	for tool in kubectl crictl openssl flock; do
		if ! command -v "$tool" >/dev/null; then
			say "$tool is not in the node image: without it a control plane's certificates cannot be renewed. Choose an image that has it"
			return 1
		fi
	done
}

# check_python stops where what takes a node out of etcd cannot run: that fails like a member
# that does not answer, which is waited for without end.
check_python() {
	"$python" -c 'import ssl, urllib.request' </dev/null >>"$log" 2>&1 || {
		say 'python3 with its modules ssl and urllib is not in the node image: without it a node that did not join cannot leave etcd.' \
			'Choose an image that has it'
		return 1
	}
}

# check_files stops early when cloud-init has not written what users asked for: it stops at
# a file whose owner it does not find.
check_files() {
	local owner file
	[[ -f $state/node-files ]] || return 0
	while read -r owner file; do
		if [[ $(stat -c %U:%G "$root$file" 2>/dev/null) != "$owner" ]]; then
			say "$file was not written as $owner: the node image needs that user and group"
			return 1
		fi
	done <"$state/node-files"
}

# run_commands runs the users' own, with the variables of the proxy. What has run is
# removed: the loss of power repeats one at most, and none stays on the disk. All of them
# together have a bound: one that never ends would keep the node from saying so.
run_commands() {
	local file status end=$((SECONDS + limit))
	for file in "$state/$1"/*; do
		[[ -f $file ]] || continue
		say "+ command ${file##*/} of $1"
		status=0
		run_command "$file" $((end > SECONDS ? end - SECONDS : 1)) || status=$?
		if ((status == 124 || status == 137)) && ((SECONDS >= end)); then
			say "command ${file##*/} of $1 was ended: the commands of $1 have $limit seconds together"
			return 1
		elif ((status != 0)); then
			say "command ${file##*/} of $1 failed with status $status"
			return 1
		fi
		rm -f "$file"
		sync
	done
}

# run_command runs one of them for so many seconds at most, and logs its redacted output. What
# it leaves running may hold on to that: it is not waited for. timeout is the leader of a group
# of processes, which ends with it.
run_command() {
	local status=0 logs command try
	exec 3> >(redact >>"$log" 2>/dev/null)
	logs=$!
	(
		set -a
		HOME=/root
		# Packages ask no one, and needrestart, which they call on Ubuntu, does not restart
		# the unit that this runs in.
		export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
		# shellcheck source=/dev/null
		[[ ! -f $state/proxy.env ]] || . "$state/proxy.env"
		exec timeout -k 10 "$2" bash -eo pipefail "$1"
	) </dev/null >&3 2>&1 3>&- &
	command=$!
	exec 3>&-
	wait "$command" || status=$?
	if ((status == 124 || status == 137)); then
		kill -KILL -- "-$command" 2>/dev/null || true
	fi
	for ((try = 0; try < 50; try++)); do
		kill -0 "$logs" 2>/dev/null || break
		sleep 0.1
	done
	return "$status"
}

# post_bootstrap runs the commands of a node that has joined.
post_bootstrap() {
	if compgen -G "$state/post-bootstrap/*" >/dev/null; then
		report post_bootstrap
	fi
	run_commands post-bootstrap
}

# forget_after_cloud_init has a unit forget once cloud-init's last stage has ended, which
# waits for this one: at its end it stores again what it was made with.
forget_after_cloud_init() {
	run systemctl start --no-block gantry-forget.service || forget
}

# forget removes what has done its work: the token, the certificate key, and the
# copies of all files that cloud-init keeps, the authorities' keys among them. It
# reads its data source anew at every boot, and finds it empty. The configuration comes
# last: as long as it is there, this is not done.
forget() {
	local instance
	for instance in "$root"/var/lib/cloud/instances/*/; do
		rm -f "$instance"{obj.pkl,cloud-config.txt,vendor-cloud-config.txt,vendor2-cloud-config.txt} \
			"$instance"{user-data,vendor-data,vendor-data2}.txt{,.i}
	done
	rm -f "$root"/run/cloud-init/{instance-data-sensitive,combined-cloud-config}.json
	rm -rf "$state/restore"
	rm -f "$state/kubeadm.yaml"
}

main() {
	if [[ -e $state/bootstrapped ]] || may_serve; then
		# Not as at a first boot, after which nothing would be lost with this machine.
		starts=resuming
		progress=resuming
	fi
	if [[ -e $state/bootstrapped ]]; then
		say 'this node has joined before: nothing to do'
		if [[ -e $state/kubeadm.yaml ]]; then
			forget_after_cloud_init # the power was lost over it
		fi
		trap finish EXIT
		[[ ! -f $state/lease.sh ]] || await_lease
		post_bootstrap
		report joined
		return
	fi
	trap finish EXIT
	say "bootstrap $1"
	report "$starts"
	[[ ! -f $state/lease.sh ]] || await_lease
	check_files
	run_commands pre-bootstrap
	prepare
	check_version
	check_tools
	if [[ -d $state/restore ]]; then
		# shellcheck source=restore.sh
		. "$state/restore/restore.sh"
		check_restore
	fi
	report "$progress"
	"$1"
	run "$state/restrict.sh" || say 'not every file was closed to other users'
	touch "$state/bootstrapped"
	sync
	forget_after_cloud_init
	if [[ -f $state/certificates.sh ]]; then
		run "$state/certificates.sh" || say 'when the certificates end could not be told'
	fi
	post_bootstrap
	say 'joined'
	report joined
}

mkdir -p "$state" "$root/var/log"
touch "$log"
chmod 600 "$log"
# shellcheck source=machine.sh
. "$state/machine.sh"
if [[ -f $state/kubeadm.sh ]]; then
	# shellcheck source=kubeadm.sh
	. "$state/kubeadm.sh"
fi
if [[ -f $state/lease.sh ]]; then
	# shellcheck source=lease.sh
	. "$state/lease.sh"
fi
if [[ -f $state/registry.sh ]]; then
	# shellcheck source=registry.sh
	. "$state/registry.sh"
fi
if [[ -f $state/load-balancer.sh ]]; then
	# shellcheck source=load-balancer.sh
	. "$state/load-balancer.sh"
fi
if [[ -f $state/build.sh ]]; then
	# shellcheck source=build.sh
	. "$state/build.sh"
fi

case ${1:-} in
init | join) main "$1" ;;
forget) forget ;;
lease) watch_lease ;;
balance) balance ;;
build) build_image ;;
clean) clean_image ;;
*)
	echo "usage: $0 init|join|forget|lease|balance|build|clean" >&2
	exit 2
	;;
esac
