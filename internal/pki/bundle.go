package pki

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// maxBundle is several times what all public authorities take.
const maxBundle = 1 << 20

// Bundle is a list of certificate authorities, each to be trusted.
type Bundle []*x509.Certificate

// ParseBundle reads a bundle of PEM text, in which anything may stand between the
// blocks. A block that is not a certificate is refused, and so is a bundle without
// any: what is not trusted for a mistake shows only when a connection fails. No error
// quotes the text, which may be a private key.
func ParseBundle(text string) (Bundle, error) {
	if len(text) > maxBundle {
		return nil, fmt.Errorf("it is larger than %d bytes", maxBundle)
	}
	var bundle Bundle
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		n := len(bundle) + 1
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, fmt.Errorf("its PEM block %d is a private key, which belongs on no other machine; give the certificates alone, "+
				"and replace the key if this text was stored or sent", n)
		case block.Type != blockCertificate:
			return nil, fmt.Errorf("its PEM block %d is not a certificate, which begins with -----BEGIN CERTIFICATE-----", n)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("its PEM block %d cannot be read as a certificate", n)
		}
		bundle = append(bundle, certificate)
	}
	switch begun := strings.Count(text, "-----BEGIN "); {
	case begun > len(bundle):
		return nil, fmt.Errorf("of its %d PEM blocks only %d are complete; a line of the others is missing or was changed", begun, len(bundle))
	case len(bundle) == 0:
		return nil, errors.New("no certificate in PEM form was found in it")
	}
	return bundle, nil
}

// PEM is the bundle without anything between its certificates.
func (b Bundle) PEM() string {
	var text strings.Builder
	for _, certificate := range b {
		text.Write(encodeCertificate(certificate.Raw))
	}
	return text.String()
}

// Expired names the certificates that have ended.
func (b Bundle) Expired(now time.Time) []string {
	var names []string
	for i, certificate := range b {
		if now.After(certificate.NotAfter) {
			name := printable.Line(certificate.Subject.String(), 200)
			names = append(names, fmt.Sprintf("certificate %d (%s) at %s", i+1, name, certificate.NotAfter.UTC().Format(time.RFC3339)))
		}
	}
	return names
}
