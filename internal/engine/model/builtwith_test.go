package model_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// publicKey is one of many keys.
func publicKey(seed byte) string {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	key, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func authorities(t *testing.T) *model.Secrets {
	t.Helper()
	made, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &model.Secrets{Authorities: made}
}

// What is no difference to a node is none to its marker, and what is one is.
func TestBuiltWithComparesByMeaning(t *testing.T) {
	t.Parallel()
	secrets := authorities(t)
	ca := string(secrets.Authorities.CA.Cert)
	other := string(secrets.Authorities.Etcd.Cert)
	one, two := publicKey(1), publicKey(2)
	keys := func(lines ...string) model.ClusterSpec { return model.ClusterSpec{SSHAuthorizedKeys: lines} }
	servers := func(names ...string) model.ClusterSpec { return model.ClusterSpec{NTPServers: names} }
	proxy := func(p model.Proxy) model.ClusterSpec { return model.ClusterSpec{Proxy: &p} }
	full := model.Proxy{HTTP: "http://u:p%40ss@proxy:3128", HTTPS: "http://proxy:3128", NoProxy: "a.example, 10.0.0.0/8", CACertificate: ca}
	change := func(with func(*model.Proxy)) model.ClusterSpec {
		p := full
		with(&p)
		return proxy(p)
	}
	onlyProxy := []model.FieldName{model.FieldProxy}
	mirrors := func(urls ...string) bootstrap.Registry {
		return bootstrap.Registry{Mirrors: map[string][]string{"docker.io": urls}}
	}
	registry := func(r bootstrap.Registry) model.ClusterSpec { return model.ClusterSpec{Registry: r} }
	onlyRegistry := []model.FieldName{model.FieldRegistry}
	for name, c := range map[string]struct {
		a, b model.ClusterSpec
		want []model.FieldName
	}{
		"nothing":                    {},
		"a comment":                  {a: keys(one + " me@home"), b: keys(one + " me@work")},
		"a comment that looks alike": {a: keys(one + " " + two), b: keys(one)},
		"a trailing newline":         {a: keys(one + "\n"), b: keys(one)},
		"the order of keys":          {a: keys(one, two), b: keys(two, one, one)},
		"another key":                {a: keys(one), b: keys(two), want: []model.FieldName{model.FieldSSHKeys}},
		"another key behind the same options": {
			a: keys(`command="echo AAAA x" ` + one), b: keys(`command="echo AAAA x" ` + two), want: []model.FieldName{model.FieldSSHKeys},
		},
		"an option":                 {a: keys(one), b: keys(`no-pty ` + one), want: []model.FieldName{model.FieldSSHKeys}},
		"the first key":             {a: keys(), b: keys(one), want: []model.FieldName{model.FieldSSHKeys}},
		"the order of servers":      {a: servers("a.example", "b.example"), b: servers("B.example.", "a.example")},
		"spelling of an address":    {a: servers("2001:db8::1"), b: servers("2001:0DB8:0:0::1")},
		"another server":            {a: servers("a.example"), b: servers("b.example"), want: []model.FieldName{model.FieldNTPServers}},
		"no proxy and an empty one": {b: proxy(model.Proxy{})},
		"spelling of a proxy": {a: proxy(full), b: change(func(p *model.Proxy) {
			p.HTTPS = "HTTP://Proxy:3128/"
			p.NoProxy = "10.0.0.0/8,A.example,"
			p.CACertificate = "# the proxy's\n" + ca + "\n" + ca
		})},
		"its password": {a: proxy(full), b: change(func(p *model.Proxy) { p.HTTP = "http://u:other@proxy:3128" }),
			want: onlyProxy},
		"its exceptions": {a: proxy(full), b: change(func(p *model.Proxy) { p.NoProxy = "a.example" }), want: onlyProxy},
		"its CA":         {a: proxy(full), b: change(func(p *model.Proxy) { p.CACertificate = other }), want: onlyProxy},
		"an imported proxy, whose URLs are secret": {a: proxy(full), b: change(func(p *model.Proxy) { p.HTTP, p.HTTPS = "", "" })},
		"no proxy any more":                        {a: proxy(full), want: onlyProxy},
		"no mirrors and an empty map":              {b: registry(bootstrap.Registry{Mirrors: map[string][]string{}})},
		"the same mirrors":                         {a: registry(mirrors("https://a")), b: registry(mirrors("https://a"))},
		"the order of mirrors": {a: registry(mirrors("https://a", "https://b")), b: registry(mirrors("https://b", "https://a")),
			want: onlyRegistry},
		"the first mirror": {b: registry(mirrors("https://a")), want: onlyRegistry},
		"their CA":         {b: registry(bootstrap.Registry{CACertificate: ca}), want: onlyRegistry},
		"spelling of their CA": {a: registry(bootstrap.Registry{CACertificate: ca + other}),
			b: registry(bootstrap.Registry{CACertificate: "# theirs\n" + other + "\n" + ca})},
		"a user": {b: registry(bootstrap.Registry{Username: "robot", PasswordVersion: 1}), want: onlyRegistry},
		"another version of the password": {a: registry(bootstrap.Registry{Username: "robot", PasswordVersion: 1}),
			b: registry(bootstrap.Registry{Username: "robot", PasswordVersion: 2}), want: onlyRegistry},
		"a password that is not known": {a: registry(bootstrap.Registry{Username: "robot", PasswordVersion: 1}),
			b: registry(bootstrap.Registry{Username: "robot", Password: "p", PasswordVersion: 1})},
		"a sandbox image": {b: registry(bootstrap.Registry{SandboxImage: "r.example.com/p:1"}), want: onlyRegistry},
		"a repository": {b: registry(bootstrap.Registry{Repository: "r.example.com"}),
			want: []model.FieldName{model.FieldImageRepository}},
		"an image of kube-vip": {b: registry(bootstrap.Registry{KubeVIPImage: "r.example.com/v:1"}),
			want: []model.FieldName{model.FieldKubeVIPImage}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.a.SetBuiltWith(secrets)
			c.b.SetBuiltWith(secrets)
			if got := c.a.BuiltWith.Differs(c.b.BuiltWith); !slices.Equal(got, c.want) {
				t.Errorf("differs in %v, want %v", got, c.want)
			}
		})
	}
}

// Whoever can read a VM's configuration can read its marker: that must not tell the
// proxy's password, not even by trying.
func TestBuiltWithIsOfOneCluster(t *testing.T) {
	t.Parallel()
	spec := model.ClusterSpec{Proxy: &model.Proxy{HTTP: "http://u:secret@proxy:3128"}}
	spec.SetBuiltWith(authorities(t))
	one := spec.BuiltWith
	spec.SetBuiltWith(authorities(t))
	if two := spec.BuiltWith; one.Proxy == two.Proxy || one.SSHKeys == two.SSHKeys || one.NTPServers == two.NTPServers {
		t.Errorf("the hashes of two clusters are equal: %+v, %+v", one, two)
	}
	spec.SetBuiltWith(nil)
	if spec.BuiltWith != (model.BuiltWith{}) {
		t.Errorf("without authorities: %+v", spec.BuiltWith)
	}
}

// A marker of a Gantry that did not write them differs in nothing, and is written back
// without them.
func TestOldMarkersKnowNothingOfWhatANodeWasBuiltWith(t *testing.T) {
	t.Parallel()
	spec := model.ClusterSpec{SSHAuthorizedKeys: []string{publicKey(3)}}
	spec.SetBuiltWith(authorities(t))
	var old model.Marker
	if err := json.Unmarshal([]byte(`{"schema":1,"node":"c-w-1"}`), &old); err != nil {
		t.Fatal(err)
	}
	if got := spec.BuiltWith.Differs(old.BuiltWith); len(got) > 0 {
		t.Errorf("differs in %v", got)
	}
	raw, err := json.Marshal(old)
	if err != nil || strings.Contains(string(raw), "ssh_keys") {
		t.Errorf("written as %s, %v", raw, err)
	}
}
