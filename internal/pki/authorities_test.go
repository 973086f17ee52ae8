package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newAuthorities(t *testing.T) *pki.Authorities {
	t.Helper()
	authorities, err := pki.NewAuthorities(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	return authorities
}

// certificate parses as kubeadm does.
func certificate(t *testing.T, data []byte) *x509.Certificate {
	t.Helper()
	certificates, err := cert.ParseCertsPEM(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(certificates) != 1 {
		t.Fatalf("%d certificates, want 1", len(certificates))
	}
	return certificates[0]
}

func TestAuthoritiesAreWhatKubeadmReads(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	for name, pair := range map[string]pki.KeyPair{
		"kubernetes":     authorities.CA,
		"front-proxy-ca": authorities.FrontProxy,
		"etcd-ca":        authorities.Etcd,
	} {
		ca := certificate(t, pair.Cert)
		if ca.Subject.CommonName != name {
			t.Errorf("%s: common name is %q", name, ca.Subject.CommonName)
		}
		if !ca.IsCA || !ca.BasicConstraintsValid || ca.KeyUsage&x509.KeyUsageCertSign == 0 {
			t.Errorf("%s: cannot sign certificates", name)
		}
		if err := ca.CheckSignatureFrom(ca); err != nil {
			t.Errorf("%s: not self-signed: %v", name, err)
		}
		if want := now.Add(-time.Hour); !ca.NotBefore.Equal(want) {
			t.Errorf("%s: begins at %s, want %s", name, ca.NotBefore, want)
		}
		if years := ca.NotAfter.Sub(now).Hours() / 24 / 365; years != 10 {
			t.Errorf("%s: lasts %v years, want 10", name, years)
		}
		key, err := keyutil.ParsePrivateKeyPEM(pair.Key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		private, ok := key.(*ecdsa.PrivateKey)
		if !ok || private.Curve != elliptic.P256() {
			t.Fatalf("%s: key is a %T, want ECDSA P-256", name, key)
		}
		if !private.PublicKey.Equal(ca.PublicKey) {
			t.Errorf("%s: the key is not the certificate's", name)
		}
	}
}

func TestServiceAccountKey(t *testing.T) {
	t.Parallel()
	pair := newAuthorities(t).ServiceAccount
	key, err := keyutil.ParsePrivateKeyPEM(pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok || private.N.BitLen() != 2048 {
		t.Fatalf("key is a %T, want RSA of 2048 bits", key)
	}
	public, err := keyutil.ParsePublicKeysPEM(pair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if len(public) != 1 || !private.PublicKey.Equal(public[0]) {
		t.Error("the public key is not the private key's")
	}
}

func TestSerialsDiffer(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	seen := map[string]bool{}
	for _, pair := range []pki.KeyPair{authorities.CA, authorities.FrontProxy, authorities.Etcd} {
		serial := certificate(t, pair.Cert).SerialNumber
		if serial.Sign() <= 0 || seen[serial.String()] {
			t.Errorf("serial %s is not positive and new", serial)
		}
		seen[serial.String()] = true
	}
}

func TestCAHash(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	got, err := authorities.CAHash()
	if err != nil {
		t.Fatal(err)
	}
	// openssl x509 -pubkey | openssl pkey -pubin -outform der | sha256sum, which is
	// the recipe of kubeadm's documentation.
	spki, err := x509.MarshalPKIXPublicKey(certificate(t, authorities.CA.Cert).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(spki)
	if want := "sha256:" + hex.EncodeToString(digest[:]); got != want {
		t.Errorf("hash is %s, want %s", got, want)
	}
}

func TestCAHashOfGarbage(t *testing.T) {
	t.Parallel()
	garbage := pki.Authorities{CA: pki.KeyPair{Cert: []byte("nothing")}}
	if hash, err := garbage.CAHash(); err == nil {
		t.Errorf("hash %q, want an error", hash)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	one, other := newAuthorities(t), newAuthorities(t)
	copied := *one
	copied.CA.Key = nil // a part of the certificate alone
	if fingerprint := one.Fingerprint(); copied.Fingerprint() != fingerprint || len(fingerprint) != 16 {
		t.Errorf("fingerprint %q is not the certificate's and short", fingerprint)
	}
	if one.Fingerprint() == other.Fingerprint() {
		t.Error("two authorities share a fingerprint")
	}
}

func TestAuthoritiesRoundTripThroughJSON(t *testing.T) {
	t.Parallel()
	before := newAuthorities(t)
	data, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after pki.Authorities
	if err := json.Unmarshal(data, &after); err != nil {
		t.Fatal(err)
	}
	if err := after.Validate(); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(after)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(data) {
		t.Error("a round trip changed the authorities")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	other := newAuthorities(t)
	for name, test := range map[string]struct {
		spoil func(*pki.Authorities)
		want  string
	}{
		"whole":                    {func(*pki.Authorities) {}, ""},
		"empty":                    {func(a *pki.Authorities) { *a = pki.Authorities{} }, "CA: no PEM certificate"},
		"CA without key":           {func(a *pki.Authorities) { a.CA.Key = nil }, "CA: no PEM private key"},
		"foreign CA key":           {func(a *pki.Authorities) { a.CA.Key = other.CA.Key }, "CA: the private key does not belong"},
		"foreign front proxy":      {func(a *pki.Authorities) { a.FrontProxy.Cert = other.FrontProxy.Cert }, "front proxy CA"},
		"leaf for etcd":            {func(a *pki.Authorities) { a.Etcd.Cert = leaf(t, a) }, "etcd CA: the certificate is not"},
		"no service account":       {func(a *pki.Authorities) { a.ServiceAccount.Cert = nil }, "service account public key"},
		"foreign service account":  {func(a *pki.Authorities) { a.ServiceAccount.Key = other.ServiceAccount.Key }, "service account"},
		"service account is a CA":  {func(a *pki.Authorities) { a.ServiceAccount.Key = a.CA.Key }, "service account"},
		"truncated service acount": {func(a *pki.Authorities) { a.ServiceAccount.Key = a.ServiceAccount.Key[:100] }, "service account key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			authorities := newAuthorities(t)
			test.spoil(authorities)
			err := authorities.Validate()
			if test.want == "" && err != nil {
				t.Fatalf("valid authorities: %v", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("error %v, want one about %q", err, test.want)
			}
		})
	}
	var none *pki.Authorities
	if none.Validate() == nil {
		t.Error("no authorities passed")
	}
}

// leaf returns a certificate that may not sign.
func leaf(t *testing.T, a *pki.Authorities) []byte {
	t.Helper()
	return clientCertificate(t, a, now)
}

func TestKeysStayOutOfPrintedText(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	block, _ := pem.Decode(authorities.CA.Key)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, printed := range []string{
			fmt.Sprintf(verb, *authorities), fmt.Sprintf(verb, authorities), fmt.Sprintf(verb, authorities.CA),
		} {
			if strings.Contains(printed, "PRIVATE") || strings.Contains(printed, fmt.Sprint(block.Bytes[:8])[1:20]) {
				t.Errorf("%s prints a private key", verb)
			}
			if len(printed) > 400 {
				t.Errorf("%s prints %d bytes", verb, len(printed))
			}
		}
	}
}
