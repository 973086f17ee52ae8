# shellcheck shell=bash disable=SC2154
# The part of bootstrap.sh for a machine that is told how to reach image registries. containerd
# finds the mirrors where its configuration says, and runs each pod in the sandbox image of that.

# containerd_config prints all of containerd's configuration, with its defaults. From 2.0 on a
# file of an older version is in the newer form only where it is migrated.
containerd_config() {
	local version
	version=$(containerd_version) || return 1
	if [[ $version == 1.* ]]; then
		containerd config dump 2>>"$log"
	else
		containerd config migrate 2>>"$log"
	fi
}

# containerd_version prints it as in 2.2.
containerd_version() {
	local version
	version=$(containerd --version 2>>"$log") || return 1
	[[ $version =~ [[:space:]]v?([0-9]+\.[0-9]+)\. ]] || return 1
	printf '%s\n' "${BASH_REMATCH[1]}"
}

# login_tables prints the tables by which containerd gets tokens, of the plugin that has them. They
# are deprecated: a version that has them no more prints none of them.
login_tables() {
	local plugin=io.containerd.cri.v1.images
	[[ $(containerd_version) != 1.* ]] || plugin=io.containerd.grpc.v1.cri
	sed "/^\[/s/__PLUGIN__/$plugin/" "$state/registry-auth"
}

# with_login adds them to a configuration, in the place of those that it has for the same
# registries.
with_login() {
	if [[ ! -f $state/registry-auth ]]; then
		cat
		return
	fi
	awk -v "quotes=[\"']" '
		function key(line) {
			gsub(/[][[:space:]]/, "", line)
			gsub(quotes, "", line)
			return line
		}
		FNR == NR {
			if (/^\[/) ours[key($0)] = 1
			tables[++n] = $0
			next
		}
		/^[[:space:]]*\[/ { former = key($0) in ours }
		!former { print }
		END { for (i = 1; i <= n; i++) print tables[i] }' <(login_tables) -
}

# has_login reports whether containerd has them, if it is to, with what is in them: a file that its
# configuration imports may have others of the same name, with a password of before.
has_login() {
	local now line
	[[ -f $state/registry-auth ]] || return 0
	now=$'\n'$(containerd_config | of_tables)$'\n' || return 1
	while read -r line; do
		[[ $now == *$'\n'"$line"$'\n'* ]] || return 1
	done < <(login_tables | of_tables)
}

# of_tables prints each line with the table that it is in, in a form that all quotes come to.
of_tables() {
	tr -d "\"' \t\\\\" | awk '/^\[/ { table = $0 } { print table, $0 }'
}

# with_registry changes a configuration that containerd has printed, and nothing of one that is
# as it has to be. 1.x has one table of the plugin for both; it does not start with mirrors or
# certificates of its former kind beside a directory of mirrors.
with_registry() {
	local directory='' sandbox=''
	[[ ! -f $state/mirrored ]] || directory=$(<"$state/mirrored")
	[[ ! -f $state/sandbox-image ]] || sandbox=$(<"$state/sandbox-image")
	awk -v "directory=$directory" -v "sandbox=$sandbox" -v "quotes=[\"']" '
		function value() {
			text = $0
			sub(/^[^=]*=[[:space:]]*/, "", text)
			gsub(quotes, "", text)
			return text
		}
		function set(wanted) {
			line = $0
			sub(/=.*/, "= \"" wanted "\"", line)
			print line
		}
		/^[[:space:]]*\[/ {
			table = $0
			gsub(/[][[:space:]]/, "", table)
			gsub(quotes, "", table)
			images = sub(/^plugins\.io\.containerd\.(grpc\.v1\.cri|cri\.v1\.images)/, "", table)
			former = images && (table ~ /^\.registry\.mirrors\./ || table ~ /^\.registry\.configs\..*\.tls$/)
		}
		directory != "" && former { next }
		directory != "" && images && table == ".registry" && /^[[:space:]]*config_path[[:space:]]*=/ {
			if (value() != directory && index(value(), directory ":") != 1) {
				set(directory)
				next
			}
		}
		sandbox != "" && images && (table == "" && /^[[:space:]]*sandbox_image[[:space:]]*=/ ||
			table == ".pinned_images" && /^[[:space:]]*sandbox[[:space:]]*=/) && value() != sandbox {
			set(sandbox)
			next
		}
		{ print }'
}

# is_registry_set reports whether containerd reads of its configuration what it has to.
is_registry_set() {
	local now
	now=$(containerd_config) || return 1
	[[ $(with_registry <<<"$now") == "$now" ]] || return 1
	[[ ! -f $state/mirrored || $now =~ config_path\ =\ [\"\']$(<"$state/mirrored") ]] || return 1
	[[ ! -f $state/sandbox-image || $now == *[\"\']"$(<"$state/sandbox-image")"[\"\']* ]]
}

# set_registry writes all that containerd says of its configuration in the place of the file, with
# the changes. What that file imports is in it then, and imported again if that takes nothing back:
# some versions replace a plugin's table by that of an imported file.
set_registry() {
	local file=$root/etc/containerd/config.toml was own imports
	# Tables that are there may have another password: they are written in any case.
	[[ -f $state/registry-auth ]] || ! is_registry_set || return 0
	was=$(containerd_config) || {
		say 'containerd does not say how it is configured'
		return 1
	}
	own=$(grep -sE '^imports *= *\[.*\] *$' "$file" | head -n 1) || own=''
	mkdir -p "$root/etc/containerd"
	until write_registry; do
		[[ -f $state/registry-auth ]] || {
			say "containerd does not take the mirrors or the sandbox image from $file: choose an image whose containerd is 1.6 or newer and is configured there"
			return 1
		}
		rm -f "$state/registry-auth"
		say 'containerd takes logins of registries as headers only, which a registry that hands out tokens refuses'
	done
	rm -f "$state/registry-auth"
	say "containerd's configuration has changed: $file"
}

# write_registry reports whether containerd takes what it writes of that. It is a part of
# set_registry, and sees its variables.
write_registry() {
	for imports in "${own:-imports = []}" 'imports = []'; do
		[[ ! -f $file ]] || cp -p "$file" "$file.new" # with its mode and owner
		# What is imported may have logins, too.
		[[ -z $own && ! -f $state/registry-auth ]] || { touch "$file.new" && chmod 0600 "$file.new"; }
		with_registry <<<"$was" | with_login | imports=$imports awk '/^imports *=/ { print ENVIRON["imports"]; next } { print }' >"$file.new"
		mv "$file.new" "$file"
		if is_registry_set && has_login; then
			return 0
		fi
	done
	return 1
}
