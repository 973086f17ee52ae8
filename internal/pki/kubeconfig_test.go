package pki_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

const endpoint = "https://10.10.183.1:6443"

func clientCertificate(t *testing.T, a *pki.Authorities, at time.Time) []byte {
	t.Helper()
	kubeconfig, err := a.AdminKubeconfig(rand.Reader, "prod-1", endpoint, at)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return config.CertData
}

func TestAdminKubeconfig(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	kubeconfig, err := authorities.AdminKubeconfig(rand.Reader, "prod-1", endpoint, now)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != endpoint {
		t.Errorf("host is %s, want %s", config.Host, endpoint)
	}
	if string(config.CAData) != string(authorities.CA.Cert) {
		t.Error("the kubeconfig does not trust the cluster's CA")
	}
	if _, err := tls.X509KeyPair(config.CertData, config.KeyData); err != nil {
		t.Errorf("client certificate and key: %v", err)
	}
	client := certificate(t, config.CertData)
	if client.Subject.CommonName != "gantry-admin" || !slices.Equal(client.Subject.Organization, []string{"system:masters"}) {
		t.Errorf("subject is %s", client.Subject)
	}
	if client.IsCA {
		t.Error("the client certificate can sign others")
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, authorities.CA.Cert))
	if _, err := client.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		t.Errorf("the cluster does not accept the client: %v", err)
	}
	raw, err := clientcmd.Load(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if raw.CurrentContext != "gantry-admin@prod-1" {
		t.Errorf("current context is %q", raw.CurrentContext)
	}
}

func TestAdminKubeconfigRefusals(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	for name, test := range map[string]struct {
		cluster, endpoint string
		at                time.Time
		want              string
	}{
		"no cluster":   {"", endpoint, now, "no name"},
		"no scheme":    {"prod-1", "10.10.183.1:6443", now, "not an https URL"},
		"plain http":   {"prod-1", "http://10.10.183.1:6443", now, "https"},
		"no host":      {"prod-1", "https://", now, "endpoint"},
		"CA has ended": {"prod-1", endpoint, now.AddDate(11, 0, 0), "ended"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := authorities.AdminKubeconfig(rand.Reader, test.cluster, test.endpoint, test.at)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one about %q", err, test.want)
			}
		})
	}
}

func TestKubeconfigExpiry(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	for name, test := range map[string]struct{ at, want time.Time }{
		"a year":                   {now, now.Add(365 * 24 * time.Hour)},
		"never longer than the CA": {now.AddDate(9, 6, 0), now.Add(10 * 365 * 24 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kubeconfig, err := authorities.AdminKubeconfig(rand.Reader, "prod-1", endpoint, test.at)
			if err != nil {
				t.Fatal(err)
			}
			got, err := pki.KubeconfigExpiry(kubeconfig)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(test.want) {
				t.Errorf("expires at %s, want %s", got, test.want)
			}
		})
	}
}

func TestKubeconfigExpiryRefusals(t *testing.T) {
	t.Parallel()
	for name, kubeconfig := range map[string]string{
		"empty":    "",
		"not YAML": "\tclient-key-data: c2VjcmV0",
		"no user":  "apiVersion: v1\nkind: Config\ncontexts: [{name: a, context: {cluster: c, user: u}}]\ncurrent-context: a\n",
		"no certificate": "apiVersion: v1\nkind: Config\nusers: [{name: u, user: {token: c2VjcmV0}}]\n" +
			"contexts: [{name: a, context: {cluster: c, user: u}}]\ncurrent-context: a\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := pki.KubeconfigExpiry([]byte(kubeconfig))
			if err == nil {
				t.Fatalf("expires at %s, want an error", got)
			}
			if strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("the error quotes a secret: %v", err)
			}
		})
	}
}

// TestRenewKubeconfig has less and more than half of a year left.
func TestRenewKubeconfig(t *testing.T) {
	t.Parallel()
	authorities, err := pki.NewAuthorities(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := authorities.AdminKubeconfig(rand.Reader, "prod-1", endpoint, now)
	if err != nil {
		t.Fatal(err)
	}
	for days, renews := range map[int]bool{0: false, 182: false, 183: true, 400: true} {
		at := now.AddDate(0, 0, days)
		renewed, err := authorities.RenewKubeconfig(rand.Reader, "prod-1", kubeconfig, at)
		if err != nil || (renewed != nil) != renews {
			t.Errorf("after %d days: renewed %t (%v)", days, renewed != nil, err)
		}
		if renewed == nil {
			continue
		}
		expires, err := pki.KubeconfigExpiry(renewed)
		if err != nil || expires.Sub(at) < 364*24*time.Hour {
			t.Errorf("after %d days: expires %s (%v)", days, expires, err)
		}
		config, err := clientcmd.RESTConfigFromKubeConfig(renewed)
		if err != nil || config.Host != endpoint {
			t.Errorf("after %d days: another API (%v)", days, err)
		}
	}
	if _, err := authorities.RenewKubeconfig(rand.Reader, "prod-1", []byte("secret"), now); err == nil ||
		strings.Contains(err.Error(), "secret") {
		t.Errorf("a damaged kubeconfig: %v", err)
	}
}
