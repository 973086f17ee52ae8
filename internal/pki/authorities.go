package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

const (
	// authorityLifetime is what kubeadm gives the authorities it makes itself.
	authorityLifetime = 10 * 365 * 24 * time.Hour
	// clockSkew backdates every certificate: a node whose clock is still behind
	// on its first boot must not find its own authority "not yet valid".
	clockSkew = time.Hour
	// serviceAccountBits is RSA, not ECDSA: some OIDC relying parties verify
	// service account tokens with RS256 only.
	serviceAccountBits = 2048
)

// KeyPair is a certificate (or public key) and its private key, both PEM.
type KeyPair struct {
	Cert []byte `json:"cert"`
	Key  []byte `json:"key"`
}

// String keeps the private key out of logs and errors.
func (KeyPair) String() string { return "pki.KeyPair(redacted)" }

// GoString keeps the private key out of %#v.
func (k KeyPair) GoString() string { return k.String() }

// Authorities are the keys that a cluster's trust rests on. They round-trip
// through JSON, which is the form kept in a resource's private state and in the
// cluster's own Secret.
type Authorities struct {
	// CA signs the API server, kubelets and clients.
	CA KeyPair `json:"ca"`
	// FrontProxy signs the client of aggregated API servers.
	FrontProxy KeyPair `json:"frontProxy"`
	// Etcd signs etcd's servers, peers and clients.
	Etcd KeyPair `json:"etcd"`
	// ServiceAccount signs service account tokens; its Cert is a public key.
	ServiceAccount KeyPair `json:"serviceAccount"`
}

// NewAuthorities makes the authorities of one cluster, valid for ten years from
// an hour before now. Subjects are those that kubeadm uses.
func NewAuthorities(rnd io.Reader, now time.Time) (*Authorities, error) {
	var (
		authorities Authorities
		err         error
	)
	for _, authority := range []struct {
		name string
		into *KeyPair
	}{
		{"kubernetes", &authorities.CA},
		{"front-proxy-ca", &authorities.FrontProxy},
		{"etcd-ca", &authorities.Etcd},
	} {
		if *authority.into, err = newAuthority(rnd, authority.name, now); err != nil {
			return nil, fmt.Errorf("make certificate authority %s: %w", authority.name, err)
		}
	}
	if authorities.ServiceAccount, err = newServiceAccountKey(rnd); err != nil {
		return nil, fmt.Errorf("make service account key: %w", err)
	}
	return &authorities, nil
}

// Validate reports whether every authority is complete and every private key
// belongs to its certificate. Authorities that come from outside this process
// (private state, an import) are checked before anything is built on them.
func (a *Authorities) Validate() error {
	if a == nil {
		return errors.New("no certificate authorities")
	}
	for _, authority := range []struct {
		name string
		pair KeyPair
	}{{"CA", a.CA}, {"front proxy CA", a.FrontProxy}, {"etcd CA", a.Etcd}} {
		certificate, key, err := authority.pair.parse()
		if err != nil {
			return fmt.Errorf("%s: %w", authority.name, err)
		}
		if !certificate.IsCA {
			return fmt.Errorf("%s: the certificate is not a certificate authority", authority.name)
		}
		if !samePublicKey(certificate.PublicKey, key.Public()) {
			return fmt.Errorf("%s: the private key does not belong to the certificate", authority.name)
		}
	}
	public, err := parsePublicKey(a.ServiceAccount.Cert)
	if err != nil {
		return fmt.Errorf("service account public key: %w", err)
	}
	private, err := parsePrivateKey(a.ServiceAccount.Key)
	if err != nil {
		return fmt.Errorf("service account key: %w", err)
	}
	if !samePublicKey(public, private.Public()) {
		return errors.New("service account: the private key does not belong to the public key")
	}
	return nil
}

// CAHash returns the pin that joining nodes check the cluster's CA against:
// "sha256:" and the hex digest of its SubjectPublicKeyInfo, as kubeadm's
// discovery defines it (RFC 7469 pins, in hex).
func (a *Authorities) CAHash() (string, error) {
	certificate, err := parseCertificate(a.CA.Cert)
	if err != nil {
		return "", fmt.Errorf("hash of the CA: %w", err)
	}
	digest := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(digest[:]), nil
}

// Fingerprint returns a short name for these authorities, the same for as long as
// the CA certificate is. It is not a secret and not a pin.
func (a *Authorities) Fingerprint() string {
	digest := sha256.Sum256(a.CA.Cert)
	return hex.EncodeToString(digest[:8])
}

// KeyedHash returns a short name for a text, the same for as long as the CA is. Which
// text it stands for cannot be found out without the CA's key, not even by trying.
func (a *Authorities) KeyedHash(text string) string {
	h := hmac.New(sha256.New, a.CA.Key)
	h.Write([]byte("gantry: " + text)) // the CA's key signs nothing that begins so
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func newAuthority(rnd io.Reader, commonName string, now time.Time) (KeyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rnd)
	if err != nil {
		return KeyPair{}, err
	}
	serial, err := newSerial(rnd)
	if err != nil {
		return KeyPair{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName},
		DNSNames:              []string{commonName},
		NotBefore:             now.Add(-clockSkew).UTC(),
		NotAfter:              now.Add(authorityLifetime).UTC(),
		KeyUsage:              x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	return sign(rnd, template, template, key, key)
}

func newServiceAccountKey(rnd io.Reader) (KeyPair, error) {
	key, err := rsa.GenerateKey(rnd, serviceAccountBits)
	if err != nil {
		return KeyPair{}, err
	}
	public, err := encodePublicKey(key.Public())
	if err != nil {
		return KeyPair{}, err
	}
	private, err := encodePrivateKey(key)
	if err != nil {
		return KeyPair{}, err
	}
	return KeyPair{Cert: public, Key: private}, nil
}

// sign issues template for key, signed by parent's signer, and encodes both.
func sign(rnd io.Reader, template, parent *x509.Certificate, key, signer crypto.Signer) (KeyPair, error) {
	der, err := x509.CreateCertificate(rnd, template, parent, key.Public(), signer)
	if err != nil {
		return KeyPair{}, err
	}
	private, err := encodePrivateKey(key)
	if err != nil {
		return KeyPair{}, err
	}
	return KeyPair{Cert: encodeCertificate(der), Key: private}, nil
}

// newSerial draws 127 random bits, well over what the CA/Browser rules ask.
func newSerial(rnd io.Reader) (*big.Int, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(rnd, raw); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	raw[0] &= 0x7f
	raw[15] |= 1 // never zero: RFC 5280 wants a positive serial
	return new(big.Int).SetBytes(raw), nil
}
