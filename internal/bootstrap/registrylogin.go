package bootstrap

import (
	"encoding/base64"
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
	if repository, _, _ := strings.Cut(r.Repository, "/"); host == repository {
		return true
	}
	_, mirrored := r.Mirrors[host]
	itself := address.Host == host || address.Host == upstream(host)
	return mirrored && (!itself || len(mirrors) == 1)
}

// authorization is a header by which a registry that takes a user and a password lets in.
func (r Registry) authorization() string {
	login := base64.StdEncoding.EncodeToString([]byte(r.Username + ":" + r.Password))
	return "Authorization = " + tomlQuote("Basic "+login) + "\n"
}

// authTables are the tables of containerd's configuration by which it asks for tokens where a
// registry hands these out, up to 2.2. The plugin whose tables they are is the script's to say.
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
