package pki_test

import (
	"bytes"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

func TestBundle(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	ca, etcd := string(a.CA.Cert), string(a.Etcd.Cert)
	for name, text := range map[string]string{
		"as written":        ca + etcd,
		"with text":         "# Root\n" + ca + "\n  subject=CN = etcd\n" + etcd + "\n# end",
		"of Windows":        strings.ReplaceAll(ca+etcd, "\n", "\r\n"),
		"without a newline": strings.TrimSpace(ca + etcd),
	} {
		bundle, err := pki.ParseBundle(text)
		if err != nil || len(bundle) != 2 || bundle.PEM() != ca+etcd {
			t.Errorf("%s: %d certificates, %v", name, len(bundle), err)
		}
		if expired := bundle.Expired(now); len(expired) > 0 {
			t.Errorf("%s: %q", name, expired)
		}
		expired := bundle.Expired(now.AddDate(20, 0, 0))
		if len(expired) != 2 || !strings.Contains(expired[1], "certificate 2 (CN=etcd-ca)") {
			t.Errorf("%s: %q", name, expired)
		}
	}
}

// TestBundleRefusals has what is not to be trusted silently left out.
func TestBundleRefusals(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	ca, key := string(a.CA.Cert), string(a.CA.Key)
	block := func(kind string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(secret)}))
	}
	base64 := strings.Split(key, "\n")[1]
	for name, test := range map[string]struct{ text, want string }{
		"empty":                {"", "no certificate"},
		"a path":               {"/etc/" + secret + ".pem", "no certificate"},
		"a key":                {key, "private key"},
		"a key behind it":      {ca + key, "block 2 is a private key"},
		"an encrypted key":     {ca + block("ENCRYPTED PRIVATE KEY"), "private key"},
		"a damaged key":        {ca + strings.Replace(key, "-----END", "----END", 1), "complete"},
		"no certificate":       {ca + block("CERTIFICATE"), "block 2 cannot be read"},
		"a request":            {block("CERTIFICATE REQUEST"), "block 1 is not"},
		"another label":        {block(secret), "block 1 is not"},
		"cut off":              {ca + ca[:len(ca)/2], "1 are complete"},
		"a damaged line":       {ca + strings.Replace(ca, "MII", "M*I", 1), "1 are complete"},
		"larger than sensible": {strings.Repeat(ca, 10_000), "larger"},
	} {
		_, err := pki.ParseBundle(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error that says %q", name, err, test.want)
			continue
		}
		if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), base64) {
			t.Errorf("%s: the error quotes the text: %v", name, err)
		}
	}
}

func FuzzParseBundle(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		bundle, err := pki.ParseBundle(text)
		if err == nil && (len(bundle) == 0 || !bytes.HasPrefix([]byte(bundle.PEM()), []byte("-----BEGIN CERTIFICATE-----\n"))) {
			t.Errorf("%q: %v", text, bundle)
		}
	})
}
