package bootstrap

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// mode is that of a file that may hold the password.
func (r Registry) mode() string {
	if r.Username != "" {
		return modePrivate
	}
	return modePublic
}

// logsIn reports whether a mirror of a host gets the user and the password. A registry that stands
// among its own mirrors does not, nor one that is here for its CA alone: it is another one's.
func (r Registry) logsIn(host, mirror string, mirrors []string) bool {
	address, err := url.Parse(mirror)
	if r.Username == "" || err != nil {
		return false
	}
	if r.Repository != "" && registryOf(host) == registryOf(r.repositoryHost()) {
		return true
	}
	_, mirrored := r.Mirrors[host]
	itself := registryOf(address.Host) == registryOf(host)
	return mirrored && (!itself || len(mirrors) == 1)
}

// registryOf is a host in the one form that all spellings of the same registry have: without the
// port that it has anyway, and of Docker Hub's names the one that images have.
func registryOf(host string) string {
	host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
	if host == indexDockerIO || host == registryDockerIO {
		return dockerIO
	}
	return host
}

func (r Registry) repositoryHost() string {
	host, _, _ := strings.Cut(r.Repository, "/")
	return pulledFrom(host)
}

// ReachedWith reports whether a machine that is told the same, but for another repository or none,
// reaches the registry of Repository as one that is told all of this does: at the same URLs, with
// the same CA and the same login.
func (r Registry) ReachedWith(former string) bool {
	was := r
	was.Repository = former
	was.KubeVIPImage = "" // of which workers that there are need not have been told
	host := r.repositoryHost()
	now, before := r.hosts()[host], was.hosts()[host]
	return slices.Equal(now, before) && !slices.ContainsFunc(now, func(mirror string) bool {
		return r.logsIn(host, mirror, now) != was.logsIn(host, mirror, before)
	})
}

// OwnMirror is what mirrors have to say, as users write it, for the registry of Repository to be
// asked itself.
func (r Registry) OwnMirror() string {
	host := r.repositoryHost()
	return fmt.Sprintf(`mirrors = { %q = [%q] }`, host, "https://"+upstream(host))
}

// authorization is a header by which a registry that takes a user and a password lets in.
func (r Registry) authorization() string {
	login := base64.StdEncoding.EncodeToString([]byte(r.Username + ":" + r.Password))
	return "Authorization = " + tomlQuote("Basic "+login) + "\n"
}

// authTables are the tables of containerd's configuration by which it asks for tokens where a
// registry hands these out, up to 2.3. The plugin whose tables they are is the script's to say.
func (r Registry) authTables(hosts map[string][]string) string {
	var names []string
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		for _, mirror := range hosts[host] {
			if address, err := url.Parse(mirror); err == nil && r.logsIn(host, mirror, hosts[host]) {
				names = append(names, address.Host)
			}
		}
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range slices.Compact(names) {
		text.WriteString("[plugins.\"__PLUGIN__\".registry.configs." + tomlQuote(name) + ".auth]\n" +
			"  username = " + tomlQuote(r.Username) + "\n  password = " + tomlQuote(r.Password) + "\n")
	}
	return text.String()
}

// CheckLogin returns an error for what cannot be the user or the password of a registry. The error
// does not quote it.
func CheckLogin(text string) error {
	for _, r := range text {
		if r < ' ' || r > '~' {
			return errLogin
		}
	}
	return nil
}

// CheckUsername is CheckLogin of a user, which a colon would end.
func CheckUsername(text string) error {
	if strings.Contains(text, ":") {
		return errUsername
	}
	return CheckLogin(text)
}
