package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// etcdClientName is that of the certificate with which kubeadm's API servers talk to
	// etcd: etcd tells its clients apart by nothing but its authority.
	etcdClientName     = "kube-apiserver-etcd-client"
	etcdClientLifetime = time.Hour
)

// IssueEtcdClient issues a client certificate of etcd's authority, for an hour. It names
// no host: etcd compares those of a client's certificate with where the client is.
func IssueEtcdClient(rnd io.Reader, etcd KeyPair, now time.Time) (KeyPair, error) {
	if len(etcd.Cert) == 0 || len(etcd.Key) == 0 {
		return KeyPair{}, errors.New("client certificate of etcd: the authority of etcd is not at hand")
	}
	authority, signer, err := etcd.parse()
	if err != nil {
		return KeyPair{}, fmt.Errorf("client certificate of etcd: %w", err)
	}
	if !now.Before(authority.NotAfter) {
		return KeyPair{}, fmt.Errorf("client certificate of etcd: the authority of etcd ended at %s", authority.NotAfter.Format(time.RFC3339))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rnd)
	if err != nil {
		return KeyPair{}, fmt.Errorf("client certificate of etcd: %w", err)
	}
	serial, err := newSerial(rnd)
	if err != nil {
		return KeyPair{}, err
	}
	notAfter := now.Add(etcdClientLifetime).UTC()
	if notAfter.After(authority.NotAfter) {
		notAfter = authority.NotAfter
	}
	return sign(rnd, &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: etcdClientName},
		NotBefore:             now.Add(-clockSkew).UTC(),
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}, authority, key, signer)
}
