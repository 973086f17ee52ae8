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

# with_login adds the tables by which containerd gets tokens, up to 2.2, to a configuration, in the
# place of those that it has for the same registries. Later versions have no such tables.
with_login() {
	local version plugin=io.containerd.cri.v1.images
	version=$(containerd_version) || return 1
	if [[ ! -f $state/registry-auth ]] || ! takes_tables "$version"; then
		cat
		return
	fi
	[[ $version != 1.* ]] || plugin=io.containerd.grpc.v1.cri
	awk -v "auth=$state/registry-auth" -v "plugin=$plugin" -v "quotes=[\"']" '
		function key(line) {
			gsub(/[][[:space:]]/, "", line)
			gsub(quotes, "", line)
			return line
		}
		BEGIN {
			while ((getline line <auth) > 0) {
				sub(/__PLUGIN__/, plugin, line)
				if (line ~ /^\[/) ours[key(line)] = 1
				tables[++n] = line
			}
		}
		/^[[:space:]]*\[/ { former = key($0) in ours }
		!former { print }
		END { for (i = 1; i <= n; i++) print tables[i] }'
}

# takes_tables reports whether a version of containerd has them.
takes_tables() { ((${1%%.*} < 2 || ${1%%.*} == 2 && ${1#*.} <= 2)); }

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
	# What is there of tables may be of other users: they are written once in any case.
	[[ ! -f $state/registry-auth ]] || return 1
	[[ ! -f $state/mirrored || $now =~ config_path\ =\ [\"\']$(<"$state/mirrored") ]] || return 1
	[[ ! -f $state/sandbox-image || $now == *[\"\']"$(<"$state/sandbox-image")"[\"\']* ]]
}

# is_written reports whether containerd takes what was written, the tables included.
is_written() {
	local auth=$state/registry-auth
	if [[ ! -f $auth ]]; then
		is_registry_set
		return
	fi
	mv "$auth" "$auth.written"
	if is_registry_set; then
		rm "$auth.written"
		return 0
	fi
	mv "$auth.written" "$auth"
	return 1
}

# set_registry writes all that containerd says of its configuration in the place of the file, with
# the changes. What that file imports is in it then, and imported again if that takes nothing back:
# some versions replace a plugin's table by that of an imported file.
set_registry() {
	local file=$root/etc/containerd/config.toml version was own imports
	version=$(containerd_version) || version=0.0
	takes_tables "$version" || rm -f "$state/registry-auth"
	! is_registry_set || return 0
	was=$(containerd_config) || {
		say 'containerd does not say how it is configured'
		return 1
	}
	own=$(grep -sE '^imports *= *\[.*\] *$' "$file" | head -n 1) || own=''
	mkdir -p "$root/etc/containerd"
	for imports in "${own:-imports = []}" 'imports = []'; do
		[[ ! -f $file ]] || cp -p "$file" "$file.new" # with its mode and owner
		# What is imported may have logins, too.
		[[ -z $own && ! -f $state/registry-auth ]] || { touch "$file.new" && chmod 0600 "$file.new"; }
		with_registry <<<"$was" | with_login | imports=$imports awk '/^imports *=/ { print ENVIRON["imports"]; next } { print }' >"$file.new"
		mv "$file.new" "$file"
		if is_written; then
			say "containerd's configuration has changed: $file"
			return 0
		fi
	done
	say "containerd does not take the mirrors or the sandbox image from $file: choose an image whose containerd is 1.6 or newer and is configured there"
	return 1
}
