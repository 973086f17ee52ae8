package kubeadm

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Authority is a certificate authority that a node may sign with.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// Authorities are those that a control-plane node signs with.
type Authorities struct {
	Cluster *Authority
	Etcd    *Authority
}

// ReadAuthorities reads the certificate authorities and the service account
// key that stand on a first control-plane node before init, by path.
func ReadAuthorities(read func(path string) ([]byte, bool), now time.Time) (*Authorities, error) {
	all := map[string]*Authority{}
	for _, name := range []string{"ca", "front-proxy-ca", "etcd/ca"} {
		a, err := readAuthority(read, name, now)
		if err != nil {
			return nil, fmt.Errorf("error execution phase certs/%s: %w", strings.ReplaceAll(name, "/", "-"), err)
		}
		all[name] = a
	}
	if err := readServiceAccount(read); err != nil {
		return nil, fmt.Errorf("error execution phase certs/sa: %w", err)
	}
	return &Authorities{Cluster: all["ca"], Etcd: all["etcd/ca"]}, nil
}

func readAuthority(read func(string) ([]byte, bool), name string, now time.Time) (*Authority, error) {
	certPath, keyPath := pkiDir+"/"+name+".crt", pkiDir+"/"+name+".key"
	certPEM, ok := read(certPath)
	if !ok {
		// kubeadm would make one of its own, and no outside client could trust it.
		return nil, fmt.Errorf("couldn't load the certificate file: open %s: no such file or directory", certPath)
	}
	keyPEM, ok := read(keyPath)
	if !ok {
		return nil, fmt.Errorf("couldn't load the private key file: open %s: no such file or directory", keyPath)
	}
	a, err := ParseAuthority(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("failure loading %s: %w", certPath, err)
	}
	if now.Before(a.Certificate.NotBefore) || now.After(a.Certificate.NotAfter) {
		return nil, fmt.Errorf("failure loading %s: the certificate has expired or is not valid yet", certPath)
	}
	return a, nil
}

// ParseAuthority reads one authority and checks that it is one.
func ParseAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	block, _ := pem.Decode(certPEM)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("couldn't load the certificate: data doesn't contain a PEM certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("couldn't load the certificate: %w", err)
	}
	key, err := parsePrivateKey(keyPEM)
	if err != nil {
		return nil, err
	}
	if !cert.IsCA || (cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0) {
		return nil, errors.New("certificate is not a CA")
	}
	if !samePublicKey(cert.PublicKey, key.Public()) {
		return nil, errors.New("the private key does not match the certificate")
	}
	return &Authority{Certificate: cert, Key: key}, nil
}

func readServiceAccount(read func(string) ([]byte, bool)) error {
	keyPEM, ok := read(pkiDir + "/sa.key")
	if !ok {
		return fmt.Errorf("open %s/sa.key: no such file or directory", pkiDir)
	}
	pubPEM, ok := read(pkiDir + "/sa.pub")
	if !ok {
		return fmt.Errorf("open %s/sa.pub: no such file or directory", pkiDir)
	}
	key, err := parsePrivateKey(keyPEM)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(pubPEM)
	if block == nil {
		return errors.New("couldn't load the public key: data doesn't contain a PEM public key")
	}
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("couldn't load the public key: %w", err)
	}
	if !samePublicKey(pub, key.Public()) {
		return errors.New("sa.pub is not the public key of sa.key")
	}
	return nil
}

func parsePrivateKey(raw []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("couldn't load the private key: data doesn't contain a valid private key")
	}
	var key any
	var err error
	switch block.Type {
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		err = fmt.Errorf("unknown PEM type %q", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't load the private key: %w", err)
	}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		return k, nil
	case *rsa.PrivateKey:
		return k, nil
	}
	return nil, errors.New("couldn't load the private key: it is neither RSA nor ECDSA")
}

func samePublicKey(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

// CertHash returns a certificate's public key as discovery pins it.
func CertHash(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// downloads are the files of Secret kubeadm-certs.
var downloads = []string{
	"ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key",
	"etcd-ca.crt", "etcd-ca.key", "sa.pub", "sa.key",
}

// Download decrypts what `kubeadm join --control-plane` gets from the Secret
// kubeadm-certs and returns the files by path.
func Download(data map[string][]byte, certificateKey string) (map[string][]byte, error) {
	key, err := hex.DecodeString(certificateKey)
	if err != nil || len(key) != 32 {
		return nil, errors.New("error decoding certificate key")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("error decoding certificate key: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("error decoding certificate key: %w", err)
	}
	files := map[string][]byte{}
	for _, name := range downloads {
		sealed, ok := data[name]
		if !ok || len(sealed) == 0 {
			return nil, fmt.Errorf("couldn't find required certificate or key %q in Secret \"kubeadm-certs\"", name)
		}
		if len(sealed) < gcm.NonceSize() {
			return nil, fmt.Errorf("error decoding secret data %q with provided key: too short", name)
		}
		plain, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], nil)
		if err != nil {
			return nil, fmt.Errorf("error decoding secret data %q with provided key: %w", name, err)
		}
		files[pkiDir+"/"+strings.Replace(name, "etcd-", "etcd/", 1)] = plain
	}
	return files, nil
}

// Pool trusts this authority only.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return pool
}
