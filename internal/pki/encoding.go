package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	blockCertificate = "CERTIFICATE"
	blockPublicKey   = "PUBLIC KEY"
	blockECKey       = "EC PRIVATE KEY"
	blockRSAKey      = "RSA PRIVATE KEY"
	blockPKCS8Key    = "PRIVATE KEY"
)

func (k KeyPair) parse() (*x509.Certificate, crypto.Signer, error) {
	certificate, err := parseCertificate(k.Cert)
	if err != nil {
		return nil, nil, err
	}
	key, err := parsePrivateKey(k.Key)
	if err != nil {
		return nil, nil, err
	}
	return certificate, key, nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: der})
}

func encodePublicKey(key crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPublicKey, Bytes: der}), nil
}

// encodePrivateKey writes the traditional forms (SEC 1, PKCS #1), which every kubeadm
// reads.
func encodePrivateKey(key crypto.Signer) ([]byte, error) {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: blockECKey, Bytes: der}), nil
	case *rsa.PrivateKey:
		return pem.EncodeToMemory(&pem.Block{Type: blockRSAKey, Bytes: x509.MarshalPKCS1PrivateKey(key)}), nil
	default:
		return nil, fmt.Errorf("private key of type %T", key)
	}
}

func parseCertificate(data []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == blockCertificate {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("no PEM certificate")
}

func parsePublicKey(data []byte) (crypto.PublicKey, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == blockPublicKey {
			return x509.ParsePKIXPublicKey(block.Bytes)
		}
	}
	return nil, errors.New("no PEM public key")
}

func parsePrivateKey(data []byte) (crypto.Signer, error) {
	// An EC key may follow its parameters in a block of their own.
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case blockECKey:
			return x509.ParseECPrivateKey(block.Bytes)
		case blockRSAKey:
			return x509.ParsePKCS1PrivateKey(block.Bytes)
		case blockPKCS8Key:
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			signer, ok := key.(crypto.Signer)
			if !ok {
				return nil, fmt.Errorf("private key of type %T cannot sign", key)
			}
			return signer, nil
		}
	}
	return nil, errors.New("no PEM private key")
}

func samePublicKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}
