package machine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// MirrorURL is where machines reach the registry of a World that has a Mirror.
func (w *World) MirrorURL() string {
	return "https://" + netip.AddrPortFrom(w.fabric.registry[0].Addr(), wire.MirrorPort).String()
}

// MirrorCA is the certificate of the authority that has signed the registry's, as PEM; empty
// without a Mirror.
func (w *World) MirrorCA() string { return w.mirrorCA }

// behindMirror has the registry's server answer by TLS, and to the Mirror's user alone.
func (w *World) behindMirror(server *http.Server) error {
	user := *w.options.Mirror
	images := server.Handler
	server.Handler = http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		name, password, _ := request.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(name+"\x00"+password), []byte(user.Username+"\x00"+user.Password)) != 1 {
			writer.Header().Set("WWW-Authenticate", `Basic realm="mirror"`)
			http.Error(writer, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		images.ServeHTTP(writer, request)
	})
	certificate, ca, err := w.mirrorCertificate()
	if err != nil {
		return err
	}
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	w.mirrorCA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}))
	return nil
}

// mirrorCertificate is one for the registry's addresses, and the authority that has signed it.
func (w *World) mirrorCertificate() (certificate tls.Certificate, ca []byte, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate, nil, err
	}
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mirror CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if ca, err = x509.CreateCertificate(rand.Reader, authority, authority, &caKey.PublicKey, caKey); err != nil {
		return certificate, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate, nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mirror"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, address := range w.fabric.registry {
		leaf.IPAddresses = append(leaf.IPAddresses, net.IP(address.Addr().AsSlice()))
	}
	signed, err := x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, caKey)
	return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}, ca, err
}
