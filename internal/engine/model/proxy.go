package model

import (
	"net/url"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Proxy is what containerd and the package manager of each node, and the agents of a
// gateway, use to reach out.
type Proxy struct {
	HTTP          string
	HTTPS         string
	NoProxy       string
	CACertificate string // PEM, one block a certificate and nothing else
}

// String keeps the credentials in a proxy's URLs out of logs and errors.
func (Proxy) String() string { return "model.Proxy(redacted)" }

// GoString keeps them out of %#v.
func (p Proxy) GoString() string { return p.String() }

// maxRecordedExceptions is how many bytes of exceptions a record takes: all of it has room
// for about 4 KiB.
const maxRecordedExceptions = 1500

// Recorded is what the record of a gateway says of its proxy: nothing that is secret or
// large.
func (p *Proxy) Recorded() *record.Proxy {
	if p == nil || *p == (Proxy{}) {
		return nil
	}
	recorded := &record.Proxy{NoProxy: p.NoProxy}
	omitted := map[string]bool{
		record.ProxyCertificate: p.CACertificate != "",
		record.ProxyExceptions:  len(p.NoProxy) > maxRecordedExceptions,
	}
	var secretHTTP, secretHTTPS bool
	recorded.HTTP, secretHTTP = withoutCredentials(p.HTTP)
	recorded.HTTPS, secretHTTPS = withoutCredentials(p.HTTPS)
	omitted[record.ProxyCredentials] = secretHTTP || secretHTTPS
	if omitted[record.ProxyExceptions] {
		recorded.NoProxy = ""
	}
	for _, part := range []string{record.ProxyCredentials, record.ProxyCertificate, record.ProxyExceptions} {
		if omitted[part] {
			recorded.Omits = append(recorded.Omits, part)
		}
	}
	return recorded
}

// withoutCredentials is a URL without user and password, and whether it had them. What
// is no URL may hold them anywhere.
func withoutCredentials(text string) (bare string, had bool) {
	if text == "" {
		return "", false
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", true
	}
	had = u.User != nil
	u.User = nil
	return u.String(), had
}

// ProxyOf is the proxy that a record says; nil for none.
func ProxyOf(recorded *record.Proxy) *Proxy {
	if recorded == nil {
		return nil
	}
	return &Proxy{HTTP: recorded.HTTP, HTTPS: recorded.HTTPS, NoProxy: recorded.NoProxy}
}
