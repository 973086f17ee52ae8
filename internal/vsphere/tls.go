package vsphere

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// CertificateError says that the server's TLS certificate is not trusted.
type CertificateError struct {
	Server  string
	Subject string // of the certificate that the server presented
	Issuer  string
	cause   error
}

func (e *CertificateError) Error() string {
	shown := ""
	if e.Subject != "" || e.Issuer != "" {
		shown = fmt.Sprintf(" It presents a certificate for %q, issued by %q.", e.Subject, e.Issuer)
	}
	return fmt.Sprintf("the TLS certificate of vCenter %s is not trusted: %v.%s "+
		"Set ca_certificate to the PEM of the authority that issued it (vCenter offers its own at https://%s/certs/download.zip)",
		e.Server, e.cause, shown, e.Server)
}

func (e *CertificateError) Unwrap() error { return e.cause }

// newTransport returns the HTTP transport that one identity's SOAP and REST
// sessions share. vCenter responds within the header timeout unless it hangs; a
// dead peer must not stall a run forever.
func newTransport(c Config) (*http.Transport, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureSkipVerify}
	if c.CACertificate != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(c.CACertificate)) {
			return nil, errors.New("ca_certificate holds no PEM certificate")
		}
		cfg.RootCAs = pool
	}
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       cfg,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 3 * time.Minute,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       50 * time.Second, // vCenter's proxy closes idle connections after a minute
		MaxIdleConns:          32,
		MaxIdleConnsPerHost:   32,
	}, nil
}

// certificateError finds a failed TLS verification in an error's chain.
func certificateError(server string, err error) *CertificateError {
	var verify *tls.CertificateVerificationError
	if errors.As(err, &verify) {
		e := &CertificateError{Server: server, cause: verify.Err}
		if len(verify.UnverifiedCertificates) > 0 {
			leaf := verify.UnverifiedCertificates[0]
			e.Subject = leaf.Subject.String()
			e.Issuer = leaf.Issuer.String()
		}
		return e
	}
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknown):
		return &CertificateError{Server: server, cause: unknown}
	case errors.As(err, &host):
		return &CertificateError{Server: server, cause: host}
	case errors.As(err, &invalid):
		return &CertificateError{Server: server, cause: invalid}
	}
	return nil
}
