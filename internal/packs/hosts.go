package packs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"
)

// Host is what is to be known of a host that charts come from.
type Host struct {
	// Username and Password log in to it; empty: it needs no login.
	Username, Password string
	// CACertificate, in PEM, is trusted for it beside what the machine trusts.
	CACertificate string
	// Mirror is the host that is asked in its place, with the path that has its content, if any,
	// and without a scheme. What is known of that host counts then. Empty: the host itself.
	Mirror string
	// Later says that some of this is not known yet, as in a plan that makes it.
	Later bool
}

// String keeps the password out of logs and errors.
func (Host) String() string { return "packs.Host(redacted)" }

// GoString keeps it out of %#v.
func (h Host) GoString() string { return h.String() }

// hosts are those of which something is known, by the one form of their names.
type hosts map[string]Host

func newHosts(known map[string]Host) hosts {
	all := hosts{}
	for name, host := range known {
		all[OneForm(name)] = host
	}
	return all
}

// OneForm is a host as all spellings of it are: without the port that it has anyway, and of Docker
// Hub's names the one that references have.
func OneForm(host string) string {
	host = strings.ToLower(host)
	host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		return "docker.io"
	}
	return host
}

// errLater is a host of which something is not known yet.
var errLater = errors.New("known in the apply alone")

// known returns an error for a host of which, or of whose mirror, something is not known yet.
func (h hosts) known(host string) error {
	mirror, _, _ := strings.Cut(h[OneForm(host)].Mirror, "/")
	for _, name := range []string{OneForm(host), OneForm(mirror)} {
		if h[name].Later {
			return fmt.Errorf("what chart_hosts of the provider has of %q is %w", name, errLater)
		}
	}
	return nil
}

// reference is where an OCI reference is asked for, and the words for it where that is elsewhere.
func (h hosts) reference(ref string) (at, words string) {
	host, rest, _ := strings.Cut(ref, "/")
	mirror := h[OneForm(host)].Mirror
	if mirror == "" {
		return ref, ""
	}
	return mirror + "/" + rest, byMirror(mirror)
}

// location is where a URL is asked for, and the words for it where that is elsewhere.
func (h hosts) location(at string) (instead, words string) {
	address, err := url.Parse(at)
	if err != nil {
		return at, "" // whoever asks for it says so
	}
	mirror := h[OneForm(address.Host)].Mirror
	if mirror == "" {
		return at, ""
	}
	host, folder, _ := strings.Cut(mirror, "/")
	address.Host = host
	if !loopback(host) {
		address.Scheme = "https"
	}
	if folder != "" {
		address.Path = "/" + folder + address.Path
		address.RawPath = ""
	}
	return address.String(), byMirror(mirror)
}

// loginAt reports whether the host of a URL, or its mirror, has a login.
func (h hosts) loginAt(at string) bool {
	instead, _ := h.location(at)
	address, err := url.Parse(instead)
	return err == nil && h[OneForm(address.Host)].Username != ""
}

func byMirror(mirror string) string { return "by its mirror " + mirror + ", " }

// encrypted reports whether a host is asked by TLS although it is on this machine.
func (h hosts) encrypted(ref string) bool {
	host, _, _ := strings.Cut(ref, "/")
	return h[OneForm(host)].CACertificate != ""
}

// credential implements auth.CredentialFunc.
func (h hosts) credential(_ context.Context, hostPort string) (auth.Credential, error) {
	host := h[OneForm(hostPort)]
	if host.Username == "" {
		return auth.EmptyCredential, nil
	}
	return auth.Credential{Username: host.Username, Password: host.Password}, nil
}

// refused says why a host has not let in, and what to do; nothing where it was another error.
func (h hosts) refused(host string, err error) error {
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("%w. If that is the host's own authority, give it by ca_certificate of %q in chart_hosts of the provider",
			err, OneForm(host))
	case !denied(err):
		return err
	case h[OneForm(host)].Username != "":
		return fmt.Errorf("%w. It does not let in the user of %q in chart_hosts of the provider", err, OneForm(host))
	}
	return fmt.Errorf("%w. If it needs a login, give that by %q in chart_hosts of the provider", err, OneForm(host))
}

// byHost is a transport that trusts, for some hosts, authorities beside the machine's.
type byHost struct {
	http.RoundTripper
	of map[string]http.RoundTripper
}

// transport is the way to all hosts.
func (h hosts) transport() http.RoundTripper {
	t := byHost{RoundTripper: http.DefaultTransport, of: map[string]http.RoundTripper{}}
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		base = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	for name, host := range h {
		if host.CACertificate == "" {
			continue
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM([]byte(host.CACertificate))
		own := base.Clone()
		own.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		t.of[name] = own
	}
	return t
}

var errPlainLogin = errors.New("would go there without TLS, where it can be read on the way: use https")

// RoundTrip implements http.RoundTripper.
func (t byHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") != "" && r.URL.Scheme != "https" && !loopback(r.URL.Host) {
		closeBody(r)
		return nil, fmt.Errorf("the login of %s %w", r.URL.Host, errPlainLogin)
	}
	if own, ok := t.of[OneForm(r.URL.Host)]; ok {
		return own.RoundTrip(r)
	}
	return t.RoundTripper.RoundTrip(r)
}

// loggingIn is a transport that logs in to repositories, each by its own login: one to which it is
// sent on gets no other's.
type loggingIn struct {
	http.RoundTripper
	hosts hosts
}

// RoundTrip implements http.RoundTripper.
func (l loggingIn) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	if host := l.hosts[OneForm(r.URL.Host)]; host.Username != "" {
		r.SetBasicAuth(host.Username, host.Password)
	}
	return l.RoundTripper.RoundTrip(r)
}

// toItsOwn is a transport that takes a login away where a request was sent on to another host: that
// of a registry is for the registry alone.
type toItsOwn struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t toItsOwn) RoundTrip(r *http.Request) (*http.Response, error) {
	first := r
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	if OneForm(first.URL.Host) != OneForm(r.URL.Host) && r.Header.Get("Authorization") != "" {
		r = r.Clone(r.Context())
		r.Header.Del("Authorization")
	}
	return t.RoundTripper.RoundTrip(r)
}
