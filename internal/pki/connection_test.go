package pki_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

const secret = "hunter2"

// TestKubeconfigThatReachesForTheMachine refuses, by name, every field by which a
// kubeconfig would run a program, read a file, or connect elsewhere or as another.
func TestKubeconfigThatReachesForTheMachine(t *testing.T) {
	t.Parallel()
	type (
		cluster = clientcmdapi.Cluster
		user    = clientcmdapi.AuthInfo
	)
	for field, set := range map[string]func(*cluster, *user){
		"user.exec": func(_ *cluster, u *user) {
			u.Exec = &clientcmdapi.ExecConfig{
				APIVersion: "client.authentication.k8s.io/v1", Command: "/bin/sh", Args: []string{"-c", secret},
				InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
			}
		},
		"user.auth-provider":               func(_ *cluster, u *user) { u.AuthProvider = &clientcmdapi.AuthProviderConfig{Name: secret} },
		"user.tokenFile":                   func(_ *cluster, u *user) { u.TokenFile = "/root/" + secret },
		"user.token":                       func(_ *cluster, u *user) { u.Token = secret },
		"user.client-certificate":          func(_ *cluster, u *user) { u.ClientCertificate = "/root/" + secret },
		"user.client-key":                  func(_ *cluster, u *user) { u.ClientKey = "/root/" + secret },
		"user.username":                    func(_ *cluster, u *user) { u.Username = secret },
		"user.password":                    func(_ *cluster, u *user) { u.Password = secret },
		"user.as":                          func(_ *cluster, u *user) { u.Impersonate = secret },
		"user.as-uid":                      func(_ *cluster, u *user) { u.ImpersonateUID = secret },
		"user.as-groups":                   func(_ *cluster, u *user) { u.ImpersonateGroups = []string{secret} },
		"user.as-user-extra":               func(_ *cluster, u *user) { u.ImpersonateUserExtra = map[string][]string{secret: {secret}} },
		"cluster.proxy-url":                func(c *cluster, _ *user) { c.ProxyURL = "http://" + secret + "@evil.example.com:1" },
		"cluster.certificate-authority":    func(c *cluster, _ *user) { c.CertificateAuthority = "/root/" + secret },
		"cluster.tls-server-name":          func(c *cluster, _ *user) { c.TLSServerName = secret },
		"cluster.insecure-skip-tls-verify": func(c *cluster, _ *user) { c.InsecureSkipTLSVerify = true },
	} {
		changed := changedKubeconfig(t, func(c *clientcmdapi.Config) {
			set(c.Clusters["prod-1"], c.AuthInfos["gantry-admin"])
		})
		_, err := pki.ParseKubeconfig(changed)
		var refused *pki.FieldError
		if !errors.As(err, &refused) || refused.Field != field || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error repeats its value: %v", field, err)
		}
	}
}

// TestKubeconfigWithoutAConnection has what a connection needs missing or damaged.
func TestKubeconfigWithoutAConnection(t *testing.T) {
	t.Parallel()
	other := newAuthorities(t)
	for name, change := range map[string]func(*clientcmdapi.Config){
		"no current context": func(c *clientcmdapi.Config) { c.CurrentContext = "other" },
		"no cluster":         func(c *clientcmdapi.Config) { c.Contexts[c.CurrentContext].Cluster = "other" },
		"no user":            func(c *clientcmdapi.Config) { c.Contexts[c.CurrentContext].AuthInfo = "other" },
		"no authority":       func(c *clientcmdapi.Config) { c.Clusters["prod-1"].CertificateAuthorityData = nil },
		"authority no certificate": func(c *clientcmdapi.Config) {
			c.Clusters["prod-1"].CertificateAuthorityData = []byte(secret)
		},
		"no certificate": func(c *clientcmdapi.Config) { c.AuthInfos["gantry-admin"].ClientCertificateData = nil },
		"no key":         func(c *clientcmdapi.Config) { c.AuthInfos["gantry-admin"].ClientKeyData = []byte(secret) },
		"another key":    func(c *clientcmdapi.Config) { c.AuthInfos["gantry-admin"].ClientKeyData = other.CA.Key },
		"plain http":     func(c *clientcmdapi.Config) { c.Clusters["prod-1"].Server = "http://10.0.0.1:6443" },
		"no host":        func(c *clientcmdapi.Config) { c.Clusters["prod-1"].Server = "https://:6443" },
		"a password":     func(c *clientcmdapi.Config) { c.Clusters["prod-1"].Server = "https://u:" + secret + "@10.0.0.1" },
		"a file":         func(c *clientcmdapi.Config) { c.Clusters["prod-1"].Server = "file:///etc/" + secret },
	} {
		_, err := pki.ParseKubeconfig(changedKubeconfig(t, change))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "not YAML": "\tclient-key-data: " + secret, "another kind": "kind: Pod\n", "null entries": nullKubeconfig,
		"too long": strings.Repeat("#", 2<<20),
	} {
		if _, err := pki.ParseKubeconfig([]byte(text)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const nullKubeconfig = `{"apiVersion":"v1","kind":"Config","current-context":"a","contexts":[{"name":"a","context":null}],` +
	`"clusters":[{"name":"","cluster":null}],"users":[{"name":"","user":null}]}`

// TestKubeconfigOfTheCurrentContext leaves alone what the connection does not use.
func TestKubeconfigOfTheCurrentContext(t *testing.T) {
	t.Parallel()
	changed := changedKubeconfig(t, func(c *clientcmdapi.Config) {
		c.Contexts[c.CurrentContext].Namespace = "shop"
		c.AuthInfos["other"] = &clientcmdapi.AuthInfo{Token: secret}
	})
	connection, err := pki.ParseKubeconfig(changed)
	if err != nil || connection.Server != endpoint {
		t.Errorf("got %v, %v", connection, err)
	}
}

func changedKubeconfig(t *testing.T, change func(*clientcmdapi.Config)) []byte {
	t.Helper()
	kubeconfig, err := newAuthorities(t).AdminKubeconfig(rand.Reader, "prod-1", endpoint, now)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.Load(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	change(config)
	changed, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func FuzzParseKubeconfig(f *testing.F) {
	f.Add([]byte(nullKubeconfig))
	f.Add([]byte("apiVersion: v1\nkind: Config\nusers: [{name: u, user: {exec: {command: id}}}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		connection, err := pki.ParseKubeconfig(text)
		if (err == nil) != (connection != nil) {
			t.Errorf("got %v and %v", connection, err)
		}
		if connection != nil && !bytes.HasPrefix([]byte(connection.Server), []byte("https://")) {
			t.Errorf("it would dial %q", connection.Server)
		}
	})
}
