package etcd

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// Authority is etcd's certificate authority, which every control-plane machine holds.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// The files of a member, as kubeadm names them below /etc/kubernetes/pki/etcd.
const (
	fileCA     = "ca.crt"
	fileServer = "server"
	filePeer   = "peer"
)

// writeCertificates writes what kubeadm's phases certs/etcd-server and certs/etcd-peer
// write: each for the node's name and address and for the loopback interface.
func (a Authority) writeCertificates(dir, name string, address netip.Addr, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("certificates of etcd: %w", err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate.Raw})
	if err := os.WriteFile(filepath.Join(dir, fileCA), ca, 0o600); err != nil {
		return fmt.Errorf("certificates of etcd: %w", err)
	}
	for _, file := range []string{fileServer, filePeer} {
		if err := a.issue(filepath.Join(dir, file), name, address, now); err != nil {
			return fmt.Errorf("certificate %s of etcd: %w", file, err)
		}
	}
	return nil
}

func (a Authority) issue(file, name string, address netip.Addr, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    a.Certificate.NotBefore,
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:     []string{name, "localhost"},
		IPAddresses:  []net.IP{address.AsSlice(), net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}, a.Certificate, key.Public(), a.Key)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(file+".crt", certificate, 0o600); err != nil {
		return err
	}
	return os.WriteFile(file+".key", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded}), 0o600)
}
