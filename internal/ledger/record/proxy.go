package record

import "slices"

// Proxy is how a gateway reaches out, without what is secret or large: of URLs, user and
// password are left out.
type Proxy struct {
	HTTP    string `json:"h,omitempty"`
	HTTPS   string `json:"s,omitempty"`
	NoProxy string `json:"n,omitempty"`
	// Omits are the parts that the record leaves out; who wants to use the proxy needs them.
	Omits []string `json:"o,omitempty"`
}

// The parts of a proxy that a record may leave out.
const (
	ProxyCredentials = "user and password"
	ProxyCertificate = "ca_certificate"
	ProxyExceptions  = "no_proxy"
)

// Equal reports whether two proxies are the same, as far as records say.
func (p *Proxy) Equal(other *Proxy) bool {
	if p == nil || other == nil {
		return p == other
	}
	return p.HTTP == other.HTTP && p.HTTPS == other.HTTPS && p.NoProxy == other.NoProxy && slices.Equal(p.Omits, other.Omits)
}
