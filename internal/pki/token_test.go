package pki_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

func TestNewToken(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)
	rapid.Check(t, func(t *rapid.T) {
		// Every byte occurs, so the draw ends; the tail is what rapid chose.
		seed := rapid.SliceOf(rapid.Byte()).Draw(t, "seed")
		token, err := pki.NewToken(io.MultiReader(bytes.NewReader(seed), rand.Reader))
		if err != nil {
			t.Fatal(err)
		}
		if !form.MatchString(token) {
			t.Fatalf("token %q", token)
		}
	})
}

func TestNewTokenHasNoFavourites(t *testing.T) {
	t.Parallel()
	// All 256 bytes once: with a plain remainder the first letters come up more
	// often than the last ones.
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	source := bytes.NewReader(bytes.Repeat(every, 22))
	counts := map[rune]int{}
	for range 252 { // 252 bytes of 256 are used: 22 rounds make 252 tokens of 22
		token, err := pki.NewToken(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range strings.Replace(token, ".", "", 1) {
			counts[r]++
		}
	}
	values := slices.Sorted(maps.Values(counts))
	if len(values) != 36 || values[0] != values[35] {
		t.Errorf("counts per character are %v, want 36 equal ones", values)
	}
}

func TestRandomnessRunsOut(t *testing.T) {
	t.Parallel()
	broken := errors.New("no randomness")
	if _, err := pki.NewToken(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("token: error %v", err)
	}
	if _, err := pki.NewCertificateKey(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("certificate key: error %v", err)
	}
	if _, err := pki.NewAuthorities(iotest.ErrReader(broken), now); !errors.Is(err, broken) {
		t.Errorf("authorities: error %v", err)
	}
	if _, err := newAuthorities(t).EncryptedCertificates(iotest.ErrReader(broken), strings.Repeat("ab", 32)); !errors.Is(err, broken) {
		t.Errorf("encrypted certificates: error %v", err)
	}
}

func TestNewCertificateKey(t *testing.T) {
	t.Parallel()
	one, err := pki.NewCertificateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.NewCertificateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := hex.DecodeString(one); err != nil || len(raw) != 32 || one == other {
		t.Errorf("keys %d bytes, %v, equal %t", len(raw), err, one == other)
	}
}

// decrypt reads a value as kubeadm's download-certs phase does: the nonce in
// front, AES-256-GCM, no additional data.
func decrypt(t *testing.T, sealed []byte, certificateKey string) []byte {
	t.Helper()
	key, err := hex.DecodeString(certificateKey)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := opener.Open(nil, sealed[:opener.NonceSize()], sealed[opener.NonceSize():], nil)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestEncryptedCertificates(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	key, err := pki.NewCertificateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, err := authorities.EncryptedCertificates(rand.Reader, key)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{
		"ca.crt": authorities.CA.Cert, "ca.key": authorities.CA.Key,
		"front-proxy-ca.crt": authorities.FrontProxy.Cert, "front-proxy-ca.key": authorities.FrontProxy.Key,
		"etcd-ca.crt": authorities.Etcd.Cert, "etcd-ca.key": authorities.Etcd.Key,
		"sa.pub": authorities.ServiceAccount.Cert, "sa.key": authorities.ServiceAccount.Key,
	}
	if got := slices.Sorted(maps.Keys(data)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Fatalf("names are %v", got)
	}
	nonces := map[string]bool{}
	for name, sealed := range data {
		if got := decrypt(t, sealed, key); !bytes.Equal(got, want[name]) {
			t.Errorf("%s decrypts to something else", name)
		}
		nonces[string(sealed[:12])] = true
	}
	if len(nonces) != len(data) {
		t.Error("a nonce was used twice")
	}
}

func TestEncryptedCertificatesRefusesKeys(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"empty": "", "not hex": strings.Repeat("zz", 32), "AES-128": strings.Repeat("ab", 16), "too long": strings.Repeat("ab", 33),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newAuthorities(t).EncryptedCertificates(rand.Reader, key)
			if err == nil {
				t.Fatal("the key was taken")
			}
			if key != "" && strings.Contains(err.Error(), key) {
				t.Errorf("the error quotes the key: %v", err)
			}
		})
	}
}
