#!/bin/bash
# Renews the certificates of this control-plane node before they end. A timer runs it
# every day, its service at every boot, and bootstrap.sh when the node has joined.
#
# When less than half of a certificate's life is left, the node takes the Lease
# gantry-certificates in kube-system, renews, restarts its control plane, and gives the
# Lease back once its own API server is ready: so no two nodes restart at once. Where
# the API is away and the end is near or past, it renews alone. In any case it tells the
# end of the certificate that ends first, in an annotation of its node.
set -euo pipefail
# A test runs the script on a directory of its own; a node never sets this.
root=${GANTRY_ROOT:-}
export PATH=${root:+$root/bin:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin
export LC_ALL=C
unset http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY all_proxy ALL_PROXY
socket=unix:///run/containerd/containerd.sock
export CONTAINER_RUNTIME_ENDPOINT=$socket
export HOME=$root/run/gantry # for what kubectl remembers of the API
state=$root/etc/gantry
kubernetes=$root/etc/kubernetes
manifests=$kubernetes/manifests
stopped=$kubernetes/gantry-stopped # manifests of what is being restarted
pending=$state/certificates-renewed # renewed, and not everything is restarted yet
kubelet=$root/var/lib/kubelet/pki/kubelet-client-current.pem
leases=/apis/coordination.k8s.io/v1/namespaces/kube-system/leases
year=$((365 * 24 * 3600))
pause=${GANTRY_PAUSE:-5} # between two looks
# The Lease is anyone's once it has not changed for so many looks, which is at least a
# quarter of an hour. Its holder renews it every minute.
lease_looks=${GANTRY_LEASE_LOOKS:-180}
hold_looks=12
# For so many looks an API that is away is waited for, and a container that is to end.
patience=${GANTRY_PATIENCE:-120}

say() { printf '%s\n' "$*"; }

# life prints when the life of a certificate begins and when it ends, in seconds since
# 1970. A kubeconfig holds its certificate inside.
life() {
	local dates
	dates=$(if [[ $1 == *.conf ]]; then
		sed -n 's/^ *client-certificate-data: //p' "$1" | base64 -d
	else
		cat "$1"
	fi | openssl x509 -noout -startdate -enddate 2>/dev/null) || return 1
	dates=${dates/notBefore=/}
	date -u -f - +%s <<<"${dates/notAfter=/}"
}

# over reports whether the life of a certificate is over, or it has none that can be read.
over() {
	local end
	end=$(life "$1" | tail -n 1) || return 0
	[[ -z $end ]] || ((end <= $(date +%s)))
}

# survey reads all certificates that kubeadm renews: when the first of them ends, whether
# it is time to renew, and whether that can't wait.
survey() {
	local name file begin end span now
	now=$(date +%s)
	earliest='' due='' pressing=''
	for name in pki/{apiserver,apiserver-etcd-client,apiserver-kubelet-client,front-proxy-client}.crt \
		pki/etcd/{server,peer,healthcheck-client}.crt {admin,super-admin,controller-manager,scheduler}.conf; do
		file=$kubernetes/$name
		[[ -e $file ]] || continue
		if ! { read -r begin && read -r end; } < <(life "$file"); then
			say "$name cannot be read as a certificate"
			continue
		fi
		# Older versions of kubeadm let a certificate begin with its authority.
		span=$((end - begin))
		((span <= year)) || span=$year
		if [[ -z $earliest ]] || ((end < earliest)); then
			earliest=$end
		fi
		((end - now >= span / 2)) || due=$name
		((end - now >= span / 10)) || pressing=$name
	done
	[[ -n $earliest ]]
}

# admin is kubectl with the administrator's rights, which never waits for long. It asks at the
# cluster's address, or, with own_server, this node's API server, certified as kubernetes.
server=()
own_server=(--server https://localhost:6443 --tls-server-name kubernetes)
admin() { timeout 30 kubectl --kubeconfig "$kubernetes/admin.conf" --request-timeout 20s "${server[@]}" "$@"; }

# tell writes into the node's annotation when the first of its certificates ends.
tell() {
	local -a server=("${own_server[@]}")
	admin annotate node "$node" --overwrite \
		"gantry.io/certificates-expire=$(date -u -d "@$earliest" +%Y-%m-%dT%H:%M:%SZ)" >/dev/null ||
		say 'the node could not be annotated with the end of its certificates'
}

# put_lease creates the Lease, or replaces the version of it that was read: the API
# refuses that where it has changed since.
put_lease() {
	local verb=$1 version=$2 holder=$3 path=$leases
	[[ $verb == create ]] || path+=/gantry-certificates
	printf '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"gantry-certificates"%s},"spec":{%s}}' \
		"${version:+,\"resourceVersion\":\"$version\"}" \
		"${holder:+\"holderIdentity\":\"$holder\",}\"leaseDurationSeconds\":900,\"renewTime\":\"$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)\"" |
		admin "$verb" --raw "$path" -f - >/dev/null 2>&1
}

# take takes the Lease or renews it. It returns 1 where another node has it, and 2 where
# the API doesn't say. No node's clock matters: a Lease that does not change is watched.
take() {
	local found holder version
	if ! found=$(admin get --raw "$leases/gantry-certificates" 2>&1); then
		[[ $found == *NotFound* || $found == *'not found'* ]] || return 2
		put_lease create '' "$node" || return 1
		return 0
	fi
	holder=$(sed -n 's/.*"holderIdentity": *"\([^"]*\)".*/\1/p' <<<"$found")
	version=$(sed -n 's/.*"resourceVersion": *"\([^"]*\)".*/\1/p' <<<"$found")
	[[ -n $version ]] || return 2
	if [[ -n $holder && $holder != "$node" ]]; then
		if [[ $version != "$seen" ]]; then
			say "$holder has the Lease"
			seen=$version unchanged=0
		fi
		((++unchanged > lease_looks)) || return 1
		say "$holder has not renewed the Lease for long"
	fi
	put_lease replace "$version" "$node" || return 1
}

# acquire waits for its turn. Where the API stays away it fails, unless the end is near:
# then the node goes on alone.
acquire() {
	local away=0 answer
	alone='' seen='' unchanged=0
	if over "$kubernetes/admin.conf"; then
		say 'the API takes no certificate of this node any more: it renews alone'
		alone=1
		return 0
	fi
	while :; do
		answer=0
		take || answer=$?
		case $answer in
		0) return 0 ;;
		1) away=0 ;;
		*) ((++away)) ;;
		esac
		if ((away > patience)); then
			if [[ -z $pressing ]]; then
				say 'the API is away: another time'
				return 1
			fi
			say 'the API is away and the end is near: this node renews alone'
			alone=1
			return 0
		fi
		sleep "$pause"
	done
}

# await repeats a command until it succeeds, for so many looks, 0 for ever. The Lease
# stays the node's for as long.
await() {
	local what=$1 limit=$2 looks
	shift 2
	for ((looks = 1; ; looks++)); do
		if "$@"; then
			return 0
		fi
		if ((looks == limit)); then
			say "no longer waiting for $what"
			return 1
		fi
		((looks % 60 != 1)) || say "waiting for $what"
		if [[ -z $alone ]] && ((looks % hold_looks == 0)); then
			take || say 'the Lease could not be renewed'
		fi
		sleep "$pause"
	done
}

# give_back frees the Lease, if it is this node's.
give_back() {
	local found version
	found=$(admin get --raw "$leases/gantry-certificates" 2>&1) || return 1
	if [[ $(sed -n 's/.*"holderIdentity": *"\([^"]*\)".*/\1/p' <<<"$found") == "$node" ]]; then
		version=$(sed -n 's/.*"resourceVersion": *"\([^"]*\)".*/\1/p' <<<"$found")
		put_lease replace "$version" ''
	fi
}

# release gives the Lease back, by this node's API server: after a restart of kube-vip the
# cluster's address may be nowhere for a while.
release() {
	local -a server=("${own_server[@]}")
	if [[ -n $alone ]]; then
		give_back || true # it may be the node's from before
	else
		await 'the API, to give the Lease back' "$patience" give_back || say 'the Lease ends by itself'
	fi
}

# sandboxes prints those of a static pod that run.
sandboxes() { crictl pods --quiet --state ready --namespace '^kube-system$' --name "^$1-$node\$"; }

none_runs() {
	local name found
	for name; do
		found=$(sandboxes "$name") && [[ -z $found ]] || return 1
	done
}

all_run() {
	local name found
	for name; do
		found=$(sandboxes "$name") && [[ -n $found ]] || return 1
	done
}

api_ready() {
	local -a server=("${own_server[@]}")
	admin get --raw /readyz >/dev/null 2>&1
}

# put_back gives kubelet manifests again that were taken away, or all of them: also after the
# loss of power.
put_back() {
	local file
	for file in "$stopped"/*.yaml; do
		[[ -e $file && " ${*:-${file##*/}} " == *" ${file##*/} "* ]] || continue
		if [[ -e $manifests/${file##*/} ]]; then
			rm -f "$file" # there is another by now
		else
			mv "$file" "$manifests/"
		fi
	done
	rmdir "$stopped" 2>/dev/null || true
}

# stop has kubelet end static pods, by taking their manifests away.
stop() {
	local name
	say "stopping $*"
	mkdir -p "$stopped"
	for name; do
		[[ ! -e $manifests/$name.yaml ]] || mv "$manifests/$name.yaml" "$stopped/"
	done
	await "the end of $*" "$patience" none_runs "$@"
}

# start has kubelet start static pods anew that were stopped.
start() {
	local name
	local -a names=()
	put_back "${@/%/.yaml}"
	for name; do
		[[ ! -e $manifests/$name.yaml ]] || names+=("$name")
	done
	if [[ -e $manifests/kube-apiserver.yaml ]]; then
		await 'the API server of this node' 0 api_ready # no other node may restart its own meanwhile
	fi
	((${#names[@]} == 0)) || await "${names[*]}" "$patience" all_run "${names[@]}"
}

# renew renews all certificates that kubeadm has made.
renew() {
	local before=$earliest
	say "renewing: less than half of the life of $due is left"
	touch "$pending" # some may be new when the power is lost
	sync
	# Without an answer of the API, kubeadm takes its defaults.
	timeout 300 kubeadm certs renew all || return 1
	survey || return 1
	if ((earliest <= before)); then
		say 'kubeadm has renewed nothing'
		rm -f "$pending"
		return 1
	fi
}

# renew_kubelet signs another certificate for kubelet, which renews its own as long as
# that is valid: after a year without power it is not, and kubelet does not start.
renew_kubelet() {
	local user key pem
	if [[ ! -e $kubelet ]] || ! over "$kubelet"; then
		return 0
	fi
	say 'the client certificate of kubelet is over: signing another'
	printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v%s\n' \
		"$(sed 's/^v//' "$state/kubernetes-version")" >"$state/certificates.yaml"
	user=$(timeout 120 kubeadm kubeconfig user --config "$state/certificates.yaml" \
		--org system:nodes --client-name "system:node:$node") || return 1
	pem=${kubelet%/*}/kubelet-client-$(date -u +%Y-%m-%d-%H-%M-%S).pem
	(umask 077 && for key in client-certificate-data client-key-data; do
		sed -n "s/^ *$key: //p" <<<"$user" | base64 -d
	done >"$pem")
	if over "$pem"; then
		rm -f "$pem"
		return 1
	fi
	ln -sfn "$pem" "$kubelet"
	systemctl restart kubelet
}

# renew_all is a node's turn, from the Lease to giving it back.
renew_all() {
	acquire || return 0
	if [[ -n $due ]] && ! renew; then
		release
		return 1
	fi
	# A kube-vip that ends hands the endpoint to another node at once; one that loses its API server
	# lets a lease run out. It starts last: it speaks to this node's. Where this control plane
	# does not come back, the Lease keeps the others from theirs until it ends.
	stop kube-vip || return 1
	stop etcd kube-apiserver kube-controller-manager kube-scheduler || return 1
	start etcd kube-apiserver kube-controller-manager kube-scheduler || return 1
	start kube-vip || return 1
	rm -f "$pending"
	say 'all of the control plane has restarted by valid certificates'
	release
}

main() {
	local status=0
	if [[ ! -e $state/bootstrapped ]]; then
		say 'this machine is no node yet: nothing to do'
		return
	fi
	mkdir -p "$HOME"
	exec 9>"$HOME/certificates.lock"
	if ! flock -n 9; then
		say 'the script runs already'
		return
	fi
	trap put_back EXIT
	trap 'exit 143' TERM
	put_back
	node=$(uname -n)
	renew_kubelet || say "kubelet's certificate could not be renewed"
	survey || return 1
	if [[ -n $due || -e $pending ]]; then
		renew_all || status=1
	fi
	tell
	return "$status"
}

main
