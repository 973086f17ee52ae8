package pki

import (
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
)

// secretKeyBytes is the length of a key of secretbox.
const secretKeyBytes = 32

// SecretKey returns the key of a version that Secrets are encrypted with in etcd. It is
// derived from the key of the CA, which never changes in a cluster's life: whoever has the
// authorities has it, before any node does and after all nodes are gone, and it needs no
// keeping of its own. From one version, neither another one nor the CA's key can be found.
//
// The derivation is HKDF (RFC 5869) with SHA-256 over the number that the private key is,
// whatever encoding the key is kept in, without salt. It must never change: with another
// one, what is in etcd could not be read any more.
func (a *Authorities) SecretKey(version int) ([]byte, error) {
	key, err := parsePrivateKey(a.CA.Key)
	if err != nil {
		return nil, fmt.Errorf("key of the CA: %w", err)
	}
	var secret []byte
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		secret, err = key.Bytes()
	case *rsa.PrivateKey:
		secret = x509.MarshalPKCS1PrivateKey(key)
	default:
		err = fmt.Errorf("private key of type %T", key)
	}
	if err != nil {
		return nil, fmt.Errorf("key of the CA: %w", err)
	}
	return hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("gantry encryption at rest v%d", version), secretKeyBytes)
}
