# shellcheck shell=bash disable=SC2154
# The part of bootstrap.sh for a node: what kubeadm does, and how that is taken back where it
# stopped halfway.

# pull_images fetches what is not in the image already. kubeadm's own pull asks
# the registry even for images that are there.
pull_images() {
	local images image
	if ! command -v crictl >/dev/null; then
		run kubeadm config images pull --config "$state/kubeadm.yaml"
		return
	fi
	images=$(kubeadm config images list --config "$state/kubeadm.yaml" 2>>"$log") || return 1
	# There is none behind a load balancer.
	[[ ! -f $manifest ]] || images+=" $(sed -n 's/^ *image: //p' "$manifest")"
	for image in $images; do
		crictl inspecti -q "$image" >/dev/null 2>&1 || run crictl pull "$image" || return 1
	done
}

init() {
	local -a flags=()
	# kubeadm init runs once in a cluster's life. Whatever it began, another node
	# may have seen: a second run could make a second cluster.
	if [[ -e $state/init-started ]]; then
		say 'kubeadm init was started here before and did not end well: the node has to be replaced'
		return 1
	fi
	# The part that depends on the network may be repeated; init itself may not.
	retry 5 : pull_images
	[[ ! -d $state/restore ]] || restore
	# On the disk before init begins, or the loss of power would take it back.
	touch "$state/init-started"
	sync
	kube_vip_uses super-admin.conf
	if [[ -e $state/restored ]]; then
		flags+=(--ignore-preflight-errors=DirAvailable--var-lib-etcd)
	fi
	run kubeadm init --config "$state/kubeadm.yaml" --skip-token-print "${flags[@]}"
	# super-admin.conf is for recovery: from its next start on kube-vip does without.
	kube_vip_uses admin.conf
}

# kube_vip_uses chooses the kubeconfig that kube-vip reads when it starts. It
# goes through a link, because kubelet restarts a pod whose manifest changes, and
# the cluster's address would be gone until it is back.
kube_vip_uses() {
	ln -sfn "$kubernetes/$1" "$state/kube-vip.conf"
	say "kube-vip starts with $1"
}

join() {
	local attempts=3
	# kubeadm reset empties the manifests; kube-vip's is not kubeadm's to restore.
	if [[ -f $manifest && ! -f $state/kube-vip.yaml ]]; then
		cp -p "$manifest" "$state/kube-vip.yaml.new"
		mv "$state/kube-vip.yaml.new" "$state/kube-vip.yaml"
	fi
	if [[ -e $state/join-started ]]; then
		say 'the join was interrupted'
		if [[ ! -f $state/certificates.sh && -f $kubernetes/kubelet.conf ]]; then
			# A worker has joined once its kubelet has a certificate. Its token may be
			# gone by now.
			rm -f "$kubernetes/bootstrap-kubelet.conf"
			run systemctl restart kubelet
			return
		fi
		undo_join
		# The node that it left behind counts as ready for most of a minute, and
		# kubeadm joins no second one of its name.
		attempts=5
	fi
	touch "$state/join-started"
	sync
	retry "$attempts" undo_join kubeadm_join
	rm -f "$state/kube-vip.yaml"
}

kubeadm_join() { run kubeadm join --config "$state/kubeadm.yaml"; }

# leave_etcd waits until this node is no member of etcd, and takes it out if it is one. kubeadm
# reset removes etcd's data even if the API is silent, or does not know the node yet, and then
# leaves the member behind: one that votes already may be what the quorum hangs on. As long as
# the others do not answer, kubelet runs its etcd, which is what they may be waiting for.
leave_etcd() {
	local etcd=$kubernetes/manifests/etcd.yaml why said=''
	[[ -f $state/leave-etcd.py ]] || return 0
	if [[ ! -f $etcd ]]; then
		[[ -d $root/var/lib/etcd/member ]] || return 0
		say "etcd has data here and no manifest: whether it is a member cannot be told, and the node has to be replaced"
		return 1
	fi
	run systemctl start kubelet || say 'kubelet was not started'
	until why=$("$python" "$state/leave-etcd.py" "$etcd" "$kubernetes/pki" 2>&1); do
		if [[ $why != "$said" ]]; then
			say "this node may be a member of etcd, and keeps its data: $why"
			report "$progress"
			said=$why
		fi
		sleep "$pause"
	done
	say 'this node is no member of etcd'
}

# undo_join clears away a join that stopped halfway, the member it may have added to etcd
# included: kubeadm refuses to join over the remains.
undo_join() {
	leave_etcd
	run kubeadm reset --force --cri-socket "$socket" || say 'kubeadm reset failed'
	if [[ -f $state/kube-vip.yaml ]]; then
		mkdir -p "$kubernetes/manifests"
		cp -p "$state/kube-vip.yaml" "$manifest"
	fi
}
