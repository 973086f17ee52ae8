package connection

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// Settings is the provider's configuration once the environment has filled in
// what the configuration left out.
type Settings struct {
	Server   string // host or host:port of vCenter
	Username string
	Password string

	// CACertificate is PEM; empty: the system's authorities.
	CACertificate string
	// Insecure accepts any certificate of vCenter's.
	Insecure bool

	// ClusterProxyURL is the HTTP proxy through which the Kubernetes APIs of
	// clusters are reached; empty: as the kubeconfig or the environment say.
	ClusterProxyURL string

	// MaxParallel bounds the operations that run at a time, 1 to 64.
	MaxParallel int

	// MaxClaims caps the addresses that are in use in the vCenter at a time; 0 is
	// the ledger's default.
	MaxClaims int

	// EventLog is the file that events are appended to; empty: none.
	EventLog string

	// ChartHosts are hosts of charts that need a login, an authority or a mirror.
	ChartHosts map[string]packs.Host

	// UserAgent is how the provider introduces itself to vCenter.
	UserAgent string
}

// identity is how the provider itself logs in.
func (s *Settings) identity() vsphere.Config {
	return vsphere.Config{
		Server: s.Server, Username: s.Username, Password: s.Password,
		CACertificate: s.CACertificate, InsecureSkipVerify: s.Insecure, UserAgent: s.UserAgent,
	}
}

// SameServer reports whether two addresses are the same name of one vCenter. That
// two names are of one vCenter, only its instance UUID says.
func SameServer(a, b string) bool {
	x, errX := ParseServer(a)
	y, errY := ParseServer(b)
	return errX == nil && errY == nil && x == y
}

// ParseServer reduces the address of a vCenter, a URL with or without /sdk, a host,
// or a host with a port, to host or host:port in lower case.
func ParseServer(s string) (string, error) {
	text := strings.TrimSpace(s)
	if addr, err := netip.ParseAddr(text); err == nil && addr.Is6() {
		text = "[" + text + "]"
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		// Neither the parser's error nor the text is repeated: there may be a
		// password in it.
		return "", errors.New("it is not a host name, an address or a URL")
	}
	if u.User != nil {
		return "", errors.New("it carries a user name or password, which have attributes of their own")
	}
	if u.Scheme != "https" {
		return "", errors.New("its scheme is not https")
	}
	if path := strings.TrimSuffix(u.Path, "/"); path != "" && path != "/sdk" {
		return "", errors.New("it has a path; give the host name alone")
	}
	// The default port is spelled away, so that one vCenter has one name.
	return strings.ToLower(strings.TrimSuffix(u.Host, ":443")), nil
}

// ReadCACertificate returns the certificates that are given as PEM text or as the path
// of a file with it.
func ReadCACertificate(s string) (pki.Bundle, error) {
	text := s
	if !strings.Contains(s, "-----BEGIN") {
		data, err := os.ReadFile(s)
		if err != nil {
			return nil, fmt.Errorf("reading CA certificates: %w", err)
		}
		text = string(data)
	}
	return pki.ParseBundle(text)
}

// CheckProxyURL fails where s is not the URL of an HTTP proxy. Its errors do
// not repeat the URL, which may carry a password.
func CheckProxyURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Hostname() == "" {
		return errors.New("it is not of the form http://host:port or https://host:port")
	}
	return nil
}
