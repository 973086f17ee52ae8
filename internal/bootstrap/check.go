package bootstrap

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Check returns the errors of a node, except for its credentials: those that a
// plan can report before anything is created.
func Check(n Node) []*FieldError {
	var p problems
	n.validateIdentity(&p)
	n.validateNetwork(&p)
	n.validateLabels(&p)
	n.validateAccess(&p)
	n.validateSetup(&p)
	if len(p) == 0 {
		n.checkSize(&p)
	}
	return p.fields()
}

// fields are the errors as what they are.
func (p problems) fields() []*FieldError {
	var out []*FieldError
	for _, err := range p {
		var field *FieldError
		if errors.As(err, &field) {
			out = append(out, field)
		}
	}
	return out
}

// CheckTimeServer returns an error for what is no NTP server. The error does not quote it:
// it may be the URL of something with a password.
func CheckTimeServer(text string) error {
	if _, err := netip.ParseAddr(text); err == nil || len(validation.IsDNS1123Subdomain(strings.ToLower(text))) == 0 {
		return nil
	}
	return errors.New("neither an address nor a host name; leave out a scheme and a port")
}

// CheckProxyURL returns an error for what is not the URL of a proxy. The error does not
// quote it: it may hold a password.
func CheckProxyURL(text string) error {
	address, err := url.Parse(text)
	if err != nil || address.Hostname() == "" || address.Scheme != "http" && address.Scheme != "https" ||
		!isPort(address.Port()) || !printable(text) {
		return errors.New("not a URL such as http://proxy.example.com:3128, of the scheme http or https")
	}
	return nil
}

// isPort reports whether a text is the number of a port, or none.
func isPort(text string) bool {
	if text == "" {
		return true
	}
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}
