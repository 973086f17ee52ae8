package pki

import (
	"encoding/hex"
	"fmt"
	"io"
)

const (
	tokenAlphabet       = "abcdefghijklmnopqrstuvwxyz0123456789"
	tokenIDLength       = 6
	tokenSecretLength   = 16
	certificateKeyBytes = 32 // AES-256
)

// NewToken makes a bootstrap token, "[a-z0-9]{6}.[a-z0-9]{16}". The part before
// the dot is its public id.
func NewToken(rnd io.Reader) (string, error) {
	characters := make([]byte, 0, tokenIDLength+tokenSecretLength)
	// Bytes beyond the largest multiple of the alphabet's length are thrown away:
	// a plain remainder would favour the first letters.
	limit := byte(256 - 256%len(tokenAlphabet))
	raw := make([]byte, 1)
	for len(characters) < cap(characters) {
		if _, err := io.ReadFull(rnd, raw); err != nil {
			return "", fmt.Errorf("make bootstrap token: %w", err)
		}
		if raw[0] < limit {
			characters = append(characters, tokenAlphabet[int(raw[0])%len(tokenAlphabet)])
		}
	}
	return string(characters[:tokenIDLength]) + "." + string(characters[tokenIDLength:]), nil
}

// NewCertificateKey makes the key that the authorities are encrypted with for
// joining control-plane nodes: 32 bytes in hex.
func NewCertificateKey(rnd io.Reader) (string, error) {
	raw := make([]byte, certificateKeyBytes)
	if _, err := io.ReadFull(rnd, raw); err != nil {
		return "", fmt.Errorf("make certificate key: %w", err)
	}
	return hex.EncodeToString(raw), nil
}
