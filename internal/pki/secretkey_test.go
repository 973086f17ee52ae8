package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// fixedCA is a key that is used nowhere else.
const fixedCA = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8goAoGCCqGSM49
AwEHoUQDQgAEUVw9brnpCRuL6KW88w2GMH7pUMjPwO6a2nODT2CzQhLGq7S4TzYz
V4+gPYbq//NCbRg4MQEjC84mFXGYEXMr8w==
-----END EC PRIVATE KEY-----
`

func secretKey(t *testing.T, a *pki.Authorities, version int) []byte {
	t.Helper()
	key, err := a.SecretKey(version)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What is in etcd was written with these keys: another derivation would lose it.
func TestSecretKeysNeverChange(t *testing.T) {
	t.Parallel()
	fixed := &pki.Authorities{CA: pki.KeyPair{Key: []byte(fixedCA)}}
	for version, want := range map[int]string{
		1: "829ed126674eb0a5912f465a946c1b9e5ec90e374d3cc21808f19e8e97baa8e8",
		2: "da4c20620000c8b29a26310ea27654aad043dd57116bda43b7dab66af66178e2",
	} {
		if got := hex.EncodeToString(secretKey(t, fixed, version)); got != want {
			t.Errorf("version %d is %s, want %s", version, got, want)
		}
	}
}

// An import brings the authorities in the encoding of whoever kept them.
func TestSecretKeysDoNotDependOnTheEncoding(t *testing.T) {
	t.Parallel()
	a, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(a.CA.Key)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	other := *a
	other.CA.Key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if !bytes.Equal(secretKey(t, a, 7), secretKey(t, &other, 7)) {
		t.Error("the key is another one")
	}
}

func TestSecretKeysDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2 {
		a, err := pki.NewAuthorities(rand.Reader, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for version := range 3 {
			key := secretKey(t, a, version+1)
			if len(key) != 32 || seen[string(key)] {
				t.Errorf("version %d has %d bytes, or is that of another one", version+1, len(key))
			}
			seen[string(key)] = true
		}
	}
}

func TestSecretKeysNeedTheKeyOfTheCA(t *testing.T) {
	t.Parallel()
	if _, err := (&pki.Authorities{}).SecretKey(1); err == nil {
		t.Error("there is a key without authorities")
	}
}
