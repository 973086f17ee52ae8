# shellcheck shell=bash disable=SC2154
# Restores a snapshot of etcd on the first node of a control plane, before kubeadm init. It
# is a part of bootstrap.sh, which only nodes have that restore one.

# check_restore stops early when the image lacks what a snapshot is restored with.
check_restore() {
	if ! command -v ctr >/dev/null; then
		say "ctr, which is a part of containerd, is not in the node image: without it no snapshot can be restored"
		return 1
	fi
	"$python" -c 'import ssl, urllib.request' </dev/null >>"$log" 2>&1 || {
		say 'python3 with its modules ssl and urllib is not in the node image: without it no snapshot can be fetched'
		return 1
	}
}

# fetch fetches the snapshot, by the proxy that containerd has, and checks that it is the
# one that was asked for. It prints nothing that has the URL in it.
fetch() {
	say 'fetching the snapshot'
	(
		if [[ -f $state/proxy.env ]]; then
			set -a
			# shellcheck disable=SC1091 # it is a file of the node
			. "$state/proxy.env"
		fi
		run "$python" "$state/restore/fetch-snapshot.py" "$state/restore" "$1"
	) || return 1
	if ! (cd "${1%/*}" && echo "$(<"$state/restore/sha256")  ${1##*/}" | sha256sum --check --status); then
		say "what was fetched does not have the sha256 of restore_from_snapshot: it has $(stat -c %s "$1") bytes"
		return 1
	fi
}

# restore makes etcd's data from a snapshot. It may be done again until kubeadm init begins.
restore() {
	local work=$root/var/lib/gantry-restore data=$root/var/lib/etcd member peer bump tool=
	[[ ! -e $state/restored ]] || return 0
	member=$(<"$state/restore/member")
	peer=$(<"$state/restore/peer-url")
	nothing_answers "$(<"$state/restore/endpoint")"
	rm -rf "$work/data"
	mkdir -p "$work/image" "$data"
	chmod 700 "$work" "$data"
	find_etcdutl "$work/image"
	retry 5 : fetch "$work/snapshot.db"
	check_snapshot "$work/snapshot.db"
	check_cluster "$work/snapshot.db"
	# The revision goes far beyond what any client has seen, also since an earlier restore, and
	# what came before counts as compacted: a client that watches reads everything anew. Since
	# 2026 no etcd has written a thousand times a second all the time.
	bump=$((($(date +%s) - 1767225600) * 1000))
	bump=$(((bump > 0 ? bump : 0) + 1000000000))
	run "$tool" snapshot restore "$work/snapshot.db" --data-dir "$work/data" --name "$member" \
		--initial-cluster "$member=$peer" --initial-advertise-peer-urls "$peer" --bump-revision "$bump" --mark-compacted
	unmount "$work/image"
	nothing_answers "$(<"$state/restore/endpoint")" # to fetch it may have taken long
	find "$data" -mindepth 1 -delete
	run mv "$work/data/member" "$data/"
	rm -rf "$work"
	touch "$state/restored"
	sync
}

# nothing_answers makes sure that the former control plane is gone: two must never have one
# address.
nothing_answers() {
	local host=${1%:*} port=${1##*:}
	host=${host#[}
	host=${host%]}
	! timeout 20 "$python" -c "$answers" "$host" "$port" >/dev/null 2>&1 || {
		say "something answers at $1, the address of the API: a control-plane VM that runs has to be deleted before a snapshot is restored"
		return 1
	}
}

# answers succeeds where an API may answer. A load balancer takes a connection, and ends it
# where no control plane is behind it.
answers='
import socket, ssl, sys
try:
    connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
except OSError:
    sys.exit(1)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
try:
    context.wrap_socket(connection)
except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
    sys.exit(1)
except OSError:
    pass
'

# check_cluster stops early when the snapshot is of a cluster with other authorities: workers
# would connect to it, and lose their pods. In every namespace the API has a ConfigMap with
# its authority.
check_cluster() {
	local line
	line=$(grep -v -e '-----' "$kubernetes/pki/ca.crt" | tail -n 2 | head -n 1)
	if [[ -z $line ]] || ! grep -aqF -e "$line" "$1"; then
		say "the snapshot is not of this cluster: the certificate authority of this cluster is not in it"
		return 1
	fi
}

# find_etcdutl finds etcdutl of the etcd that is about to run: in the node image, in the
# image that kubeadm runs, or in that of the etcd project, which is beside it.
find_etcdutl() {
	local image version candidate
	image=$(kubeadm config images list --config "$state/kubeadm.yaml" 2>>"$log" | sed -n '/\/etcd:/p')
	version=${image##*:}
	version=${version%-*}
	if tool=$(command -v etcdutl) && [[ $(version_of "$tool") == "${version%.*}" ]]; then
		return 0
	fi
	tool=$1/usr/local/bin/etcdutl
	for candidate in "$image" "${image%:*}:v$version"; do
		unmount "$1"
		crictl inspecti -q "$candidate" >/dev/null 2>&1 || run crictl pull "$candidate" || continue
		run ctr --namespace k8s.io images mount "$candidate" "$1" || continue
		[[ ! -x $tool ]] || return 0
	done
	say "etcdutl $version is neither in the node image nor in $image or ${image%:*}:v$version: without it no snapshot can be restored." \
		"Choose a node image that has it"
	return 1
}

# version_of prints the minor version of an etcdutl.
version_of() { "$1" version 2>>"$log" | sed -n 's/^etcdutl version: \([0-9]*\.[0-9]*\).*/\1/p'; }

# unmount unmounts an image, if it is mounted.
unmount() { ctr --namespace k8s.io images unmount --rm "$1" >/dev/null 2>&1 || true; }

# check_snapshot stops early when a newer etcd has written the snapshot. Before 3.6 none
# says which.
check_snapshot() {
	local written own
	written=$("$tool" snapshot status "$1" --write-out json 2>>"$log" | sed -n 's/.*"version":"\([0-9]*\.[0-9]*\)[^"]*".*/\1/p')
	own=$(version_of "$tool")
	say "the snapshot is of etcd ${written:-before 3.6}, this is etcdutl $own"
	if [[ -n $written && $(printf '%s\n%s\n' "$written" "$own" | sort -V | tail -n 1) != "$own" ]]; then
		say "etcd $written has written the snapshot, and $own cannot read it: set kubernetes_version to that of the cluster that it is of"
		return 1
	fi
}
