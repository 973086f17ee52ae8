package vsphere

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Config identifies a vCenter and an account.
type Config struct {
	// Server is a host name, an address, host:port, or an https URL.
	Server   string
	Username string
	Password string
	// CACertificate is PEM; when it is set, only certificates that it signed are trusted.
	CACertificate      string
	InsecureSkipVerify bool
	UserAgent          string
}

// String leaves the password out, so that a Config can be printed.
func (c Config) String() string { return c.Username + "@" + c.Server }

// GoString leaves the password out too.
func (c Config) GoString() string { return "vsphere.Config{" + c.String() + "}" }

// normalized checks a Config and reduces its server to host or host:port, so that
// two spellings of one server share a session.
func (c Config) normalized() (Config, error) {
	host, err := serverHost(c.Server)
	if err != nil {
		return c, err
	}
	if c.Username == "" || c.Password == "" {
		return c, errors.New("the user name and the password for vCenter must both be set")
	}
	c.Server = host
	return c, nil
}

func serverHost(server string) (string, error) {
	server = strings.TrimSpace(server)
	if server == "" {
		return "", errors.New("the vCenter server is not set")
	}
	if addr, err := netip.ParseAddr(server); err == nil && addr.Is6() {
		return "[" + server + "]", nil
	}
	if !strings.Contains(server, "://") {
		server = "https://" + server
	}
	u, err := url.Parse(server)
	// The parser's own error repeats its input, which may hold a password.
	if err != nil || u.Host == "" {
		return "", errors.New("the vCenter server is neither a host, nor host:port, nor an https URL")
	}
	if u.User != nil {
		return "", fmt.Errorf("the vCenter server %q contains credentials: set them as user name and password", u.Host)
	}
	if u.Scheme != "https" {
		return "", fmt.Errorf("vCenter %q must be used by https, not %s: the password would be sent in clear text", u.Host, u.Scheme)
	}
	if p := strings.TrimRight(u.Path, "/"); p != "" && p != "/sdk" && p != "/ui" {
		return "", fmt.Errorf("the vCenter server %q has a path, %q: set host or host:port", u.Host, u.Path)
	}
	return strings.ToLower(strings.TrimSuffix(u.Host, ":443")), nil
}

// endpoint is the URL of a path on the server.
func (c Config) endpoint(path string) *url.URL {
	return &url.URL{Scheme: "https", Host: c.Server, Path: path}
}
