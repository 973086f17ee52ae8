package pki

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// EncryptedCertificates returns the data of the Secret kubeadm-certs as
// kubeadm's download-certs phase expects it: AES-256-GCM under certificateKey
// (hex), each value its nonce followed by the sealed PEM, and the paths below
// /etc/kubernetes/pki with dashes for slashes as names.
func (a *Authorities) EncryptedCertificates(rnd io.Reader, certificateKey string) (map[string][]byte, error) {
	key, err := decodeCertificateKey(certificateKey)
	if err != nil {
		return nil, fmt.Errorf("encrypt certificates: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("encrypt certificates: %w", err)
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("encrypt certificates: %w", err)
	}
	files := a.byFile()
	sealed := make(map[string][]byte, len(files))
	for name, plain := range files {
		nonce := make([]byte, sealer.NonceSize())
		if _, err := io.ReadFull(rnd, nonce); err != nil {
			return nil, fmt.Errorf("encrypt %s: %w", name, err)
		}
		sealed[strings.ReplaceAll(name, "/", "-")] = sealer.Seal(nonce, nonce, *plain, nil)
	}
	return sealed, nil
}

// decodeCertificateKey never quotes its input, which is a secret.
func decodeCertificateKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil {
		return nil, errors.New("the certificate key is not hex")
	}
	if len(key) != certificateKeyBytes {
		return nil, fmt.Errorf("the certificate key has %d bytes, not %d", len(key), certificateKeyBytes)
	}
	return key, nil
}
