# shellcheck shell=bash disable=SC2154
# The part of bootstrap.sh for a machine that takes a lease. It finds the address once the
# server of DHCP has given it, fills it into the documents, and keeps the one that it
# bootstrapped with: certificates and etcd carry it. That and a change are reported.
address=$state/address           # with the prefix length, as it bootstrapped
filled=$state/lease-filled-in    # the documents have it
changed=$state/lease-changed     # what was reported as another one
server_pause=$((pause < 2 ? pause : 2)) # between two looks

# leased_address prints the address of the card with its prefix length; one with a bound to
# its life first, since only leases have that.
leased_address() {
	ip -4 -o address show dev "$nic" scope global 2>>"$log" |
		awk '$3 == "inet" && !/ secondary / { if (/ dynamic /) { print $4; found = 1; exit } if (!first) first = $4 }
			END { if (!found && first) print first }'
}

# network_of prints the network of an address with a prefix length.
network_of() {
	local a b c d bits number
	IFS=./ read -r a b c d bits <<<"$1"
	number=$(((a << 24 | b << 16 | c << 8 | d) & (0xffffffff << (32 - bits)) & 0xffffffff))
	printf '%d.%d.%d.%d/%d' $((number >> 24)) $((number >> 16 & 255)) $((number >> 8 & 255)) $((number & 255)) "$bits"
}

# ask_by_mac has networkd ask for the lease by the card's address. Netplan has told it so; the
# renderer of cloud-init for networkd drops it, and the drop-in that says it came after the
# first lease. The others ask so by themselves.
ask_by_mac() {
	local unit=$root/etc/systemd/network/10-cloud-init-$nic.network mac looks
	[[ -f $unit ]] || return 0
	mac=$(<"$state/mac")
	run networkctl reload || say 'networkd did not read its configuration again'
	run networkctl reconfigure "$nic" || say "networkd did not configure $nic again"
	for ((looks = 0; looks < 30; looks++)); do
		if grep -qi "^CLIENTID=01${mac//:/}" "$root"/run/systemd/netif/leases/* 2>>"$log"; then
			return 0
		fi
		sleep "$server_pause"
	done
	say 'networkd has no lease by the address of its card'
}

# own_machine_id gives this machine an id of its own, where the template has left one in the
# image: every clone would have it.
own_machine_id() {
	local file=$root/etc/machine-id booted
	booted=$(sed -n 's/^btime //p' "${GANTRY_STAT:-/proc/stat}")
	if [[ -s $file ]] && (($(stat -c %Y "$file") < booted - 60)); then
		say 'the node image has a machine-id in it: this machine gets another one'
		cat "$state/machine-id" >"$file" || say 'the machine-id was not written'
	fi
}

# fill_in puts the lease into the documents that have words in its place.
fill_in() {
	local file
	while read -r file; do
		sed -i -e "s|__GANTRY_LEASED_ADDRESS__|${1%/*}|g" -e "s|__GANTRY_LEASED_NETWORK__|$(network_of "$1")|g" "$root$file"
	done <"$state/leased-files"
}

# await_lease waits for a lease for as long as it takes: without one there is nothing to do,
# and the server may come back. Of a control plane that has not come further, another address
# is the end: its documents have the first.
await_lease() {
	local found='' looks=0
	if [[ ! -e $address ]]; then
		own_machine_id
		ask_by_mac
	fi
	until found=$(leased_address) && [[ -n $found ]]; do
		if ((looks++ % 15 == 0)); then
			say "waiting for a lease on $nic"
			report "$starts"
		fi
		sleep "$server_pause"
	done
	if [[ ! -e $address ]]; then
		say "the lease is $found"
		printf '%s\n' "$found" >"$address.new"
		sync
		mv "$address.new" "$address"
	elif [[ $found != "$(<"$address")" && -f $state/certificates.sh && ! -e $state/bootstrapped ]]; then
		say "the lease was $(<"$address") when the bootstrap began and is $found: the node has to be replaced"
		return 1
	fi
	if [[ ! -e $filled ]]; then
		fill_in "$(<"$address")"
		sync
		touch "$filled"
	fi
	tell_lease "$found"
}

# tell_lease reports the address that this machine bootstrapped with, and the present one
# where that is or was another.
tell_lease() {
	local kept
	kept=$(<"$address")
	if [[ $1 != "$kept" || -e $changed ]]; then
		[[ $1 == "$kept" ]] || say "the lease is $1 and was $kept when this machine bootstrapped"
		printf '%s\n' "$1" >"$changed"
	fi
	tell_again
}

# tell_again reports what is known.
tell_again() {
	local one
	one=$(<"$address")
	rpc address "${one%/*}"
	if [[ -e $changed ]]; then
		one=$(<"$changed")
		rpc lease "${one%/*}"
	fi
}

# watch_lease reports a change that came while the machine runs. A node goes on reporting it,
# as a report may be lost, and its address until it has joined. One without a lease has nothing
# to report.
watch_lease() {
	local found last
	[[ -e $address ]] || return 0
	found=$(leased_address) || return 0
	last=$(cat "$changed" 2>/dev/null || cat "$address")
	if [[ -n $found && $found != "$last" ]]; then
		tell_lease "$found"
	elif [[ ! -f $state/load-balancer.sh ]] && [[ -e $changed || ! -e $state/bootstrapped ]]; then
		tell_again
	fi
}
