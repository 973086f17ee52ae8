# shellcheck shell=bash disable=SC2034,SC2154
# The part of bootstrap.sh for the load balancer of a cluster: the node image, whose kubelet
# stands alone and runs HAProxy as a static pod. Its backends arrive in guestinfo, without a
# connection into this machine, and are kept on the disk. The list is never empty: before there
# is one, HAProxy does not run.
haproxy=$state/haproxy # the container sees this directory
inside=/usr/local/etc/haproxy
backends=$state/backends
status_port=${GANTRY_STATUS_PORT:-8404}
look=${GANTRY_LOOK:-2}          # seconds between two looks
patience=30                     # looks for HAProxy to run by what it was told
longest=150                     # looks for its container to be made
again=30                        # looks until what was reported is reported again
refused='' told='' told_at=0 silent=0 phase='' since_report=0

# ask prints a guestinfo value.
ask() {
	if command -v vmware-rpctool >/dev/null; then
		timeout 10 vmware-rpctool "info-get guestinfo.gantry.$1" 2>/dev/null
	else
		timeout 10 vmtoolsd --cmd "info-get guestinfo.gantry.$1" 2>/dev/null
	fi
}

# receive keeps the backends that have arrived. What is no list of addresses changes nothing.
receive() {
	local value byte='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
	local one="$byte\.$byte\.$byte\.$byte"
	value=$(ask backends) || return 0
	value=${value//[[:space:]]/}
	[[ -n $value && $value != "$(kept)" && $value != "$refused" ]] || return 0
	if [[ ! $value =~ ^$one(,$one)*$ ]]; then
		say "what has arrived is no list of backends: ${value:0:200}"
		refused=$value
		return 0
	fi
	say "the backends are $value"
	printf '%s\n' "$value" >"$backends.new"
	sync
	mv "$backends.new" "$backends"
}

kept() { cat "$backends" 2>/dev/null || true; }

# configuration prints that of HAProxy for a list of backends.
configuration() {
	local backend
	sed "s|__GANTRY_BACKENDS__|$1|" "$state/haproxy.cfg"
	for backend in ${1//,/ }; do
		printf '    server %s %s:6443\n' "$backend" "$backend"
	done
}

# running prints the backends by which HAProxy says that it runs.
running() {
	# shellcheck disable=SC2016 # the inner shell expands it
	timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
		printf "GET /backends HTTP/1.0\r\n\r\n" >&3
		while read -r line && [[ -n ${line%$'"'\r'"'} ]]; do :; done <&3
		cat <&3' - "$status_port" 2>/dev/null
}

container() { crictl ps --quiet --state running --name '^haproxy$' 2>>"$log" | head -n 1; }

# apply has HAProxy run by a list of backends. What runs checks a new configuration before
# its master process is told: that keeps the old workers, which end with their connections.
apply() {
	local id process
	id=$(container) || id=''
	configuration "$1" >"$haproxy/haproxy.cfg.new" || return 1
	chmod 0644 "$haproxy/haproxy.cfg.new"
	if [[ -n $id ]] && ! run crictl exec --sync "$id" haproxy -c -f "$inside/haproxy.cfg.new"; then
		say 'HAProxy refuses the new configuration and keeps the old one'
		return 1
	fi
	mv "$haproxy/haproxy.cfg.new" "$haproxy/haproxy.cfg" || return 1
	if [[ ! -f $kubernetes/manifests/haproxy.yaml ]]; then
		say 'HAProxy starts'
		mkdir -p "$kubernetes/manifests"
		cp "$state/haproxy.yaml" "$kubernetes/manifests/.haproxy.yaml"
		mv "$kubernetes/manifests/.haproxy.yaml" "$kubernetes/manifests/haproxy.yaml"
		return 0
	fi
	[[ -n $id ]] || return 0 # kubelet starts it by the new one
	process=$(crictl inspect --output go-template --template '{{.info.pid}}' "$id" 2>>"$log") || return 1
	kill -USR2 "$process"
}

# enter reports a phase, and from time to time again: a report may be lost.
enter() {
	if [[ $phase != "$*" ]]; then
		phase=$*
		say "$*"
	else
		((++since_report >= again)) || return 0
		tell_again
	fi
	since_report=0
	[[ $1 != serving ]] || rpc backends.applied "$2"
	report "$1"
}

# follow looks once, and brings HAProxy to the backends that have arrived.
follow() {
	local wanted made
	watch_lease
	receive
	wanted=$(kept)
	if [[ -z $wanted ]]; then
		enter waiting
		return 0
	fi
	if [[ $(running) == "$wanted" ]]; then
		silent=0
		enter serving "$wanted"
		return 0
	fi
	if [[ $told != "$wanted" ]] || ((silent - told_at >= patience)); then
		told=$wanted told_at=$silent
		apply "$wanted" || true
	fi
	if ((++silent < patience)); then
		return 0
	fi
	made=$(crictl ps --all --quiet --name '^haproxy$' 2>>"$log" | head -n 1) || made=''
	if [[ -z $made ]] && ((silent < longest)); then
		return 0 # kubelet may still be pulling an image
	fi
	if [[ $phase != failed ]]; then
		say "HAProxy does not run by the backends $wanted"
		[[ -z $made ]] || run crictl logs --tail 10 "$made" || true
	fi
	enter failed
}

# sandbox_image prints that in which containerd runs every pod. Its own configuration says so,
# with what it has by default; crictl does not tell with each version.
sandbox_image() {
	containerd config dump 2>>"$log" | sed -En "s/^ *sandbox(_image)? *= *[\"']([^\"']+)[\"'] *\$/\2/p" | head -n 1
}

# pull_images has all that HAProxy runs in before kubelet starts it. What containerd has to pull
# for it then would show as a pod that does not come, and say why nowhere.
pull_images() {
	local image
	for image in "$(sed -n 's/^ *image: //p' "$state/haproxy.yaml")" "$(sandbox_image || true)"; do
		[[ -n $image ]] || continue
		crictl inspecti -q "$image" >/dev/null 2>&1 || run crictl pull "$image" || return 1
	done
}

check_balancer_tools() {
	local tool
	for tool in kubelet crictl; do
		if ! command -v "$tool" >/dev/null; then
			say "$tool is not in the image of the load balancer: choose a node image"
			return 1
		fi
	done
}

# balance makes this machine a load balancer, once, and follows its backends from then on.
balance() {
	trap finish EXIT
	say 'load balancer'
	progress=booting
	report booting
	await_lease
	if [[ ! -e $state/balances ]]; then
		check_balancer_tools
		prepare
		retry 5 : pull_images
		mkdir -p "$kubernetes/manifests"
		run systemctl restart kubelet
		touch "$state/balances"
		sync
		forget_after_cloud_init
	fi
	while :; do
		follow
		sleep "$look"
		[[ ! -e ${GANTRY_STOP:-/nonexistent} ]] || return 0
	done
}
