package sshkey_test

import (
	"crypto/dsa" //nolint:staticcheck // keys of this kind are what is refused
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/gantry/terraform-provider-gantry/internal/sshkey"
)

// line returns a key as authorized_keys has it, without a comment.
func line(t *testing.T, public any) string {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func ed(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return line(t, public)
}

// TestKeysAsPeopleHaveThem has what a file ends in, the options that a line may begin
// with, and every type that sshd takes.
func TestKeysAsPeopleHaveThem(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := ed(t)
	// A key on a token: a string for the application after those of the key.
	token := ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, make([]byte, ed25519.PublicKeySize), "ssh:"})
	for text, want := range map[string]string{
		key:                                  key,
		key + "\n":                           key,
		"  " + key + " me@example.com\r\n\n": key + " me@example.com",
		key + "\tGröße of mine":              key + "\tGröße of mine",
		line(t, &private.PublicKey) + "\n":   line(t, &private.PublicKey),
		line(t, &large.PublicKey):            line(t, &large.PublicKey),
		`from="10.0.0.0/8",no-pty ` + key:    `from="10.0.0.0/8",no-pty ` + key,
		`cert-authority ` + key + " ops":     `cert-authority ` + key + " ops",
		`command="echo \"a b\"" ` + key:      `command="echo \"a b\"" ` + key,
		ssh.KeyAlgoSKED25519 + " " + base64.StdEncoding.EncodeToString(token): ssh.KeyAlgoSKED25519 + " " +
			base64.StdEncoding.EncodeToString(token),
	} {
		if got, err := sshkey.Parse(text); got != want || err != nil {
			t.Errorf("%q is read as %q (%v)", text, got, err)
		}
	}
}

// TestWhatIsNoKeyIsRefused has no error that repeats what may be a secret.
func TestWhatIsNoKeyIsRefused(t *testing.T) {
	t.Parallel()
	key := ed(t)
	kind, blob, _ := strings.Cut(key, " ")
	public, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ssh.NewSignerFromKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	certificate := &ssh.Certificate{Key: signed, CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := certificate.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	one := big.NewInt(1)
	parameters := dsa.Parameters{P: new(big.Int).Lsh(one, 1023), Q: new(big.Int).Lsh(one, 159), G: one}
	const private = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n"
	for text, want := range map[string]error{
		"":                                       sshkey.ErrMalformed,
		"\n":                                     sshkey.ErrMalformed,
		"# " + key:                               sshkey.ErrMalformed,
		"hunter2":                                sshkey.ErrMalformed,
		kind + " AAAAC3Nz me@example.com":        sshkey.ErrMalformed, // it decodes, and ends too early
		kind + " " + blob[:len(blob)-4]:          sshkey.ErrMalformed,
		kind + " " + blob[:20] + "*" + blob[21:]: sshkey.ErrMalformed,
		"ssh-rsa " + blob:                        sshkey.ErrMalformed, // the type of another
		blob:                                     sshkey.ErrMalformed,
		kind + blob:                              sshkey.ErrMalformed,
		key + " \x1b[31m":                        sshkey.ErrMalformed,
		key + "\n" + ed(t) + "\n":                sshkey.ErrSeveral,
		private:                                  sshkey.ErrPrivate,
		string(ssh.MarshalAuthorizedKey(certificate)):           sshkey.ErrCertificate,
		line(t, &dsa.PublicKey{Parameters: parameters, Y: one}): sshkey.ErrDSA,
	} {
		got, err := sshkey.Parse(text)
		if !errors.Is(err, want) || got != "" {
			t.Errorf("%q: %q, %v; want %v", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("repeated: %v", err)
		}
	}
}
