package pki_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
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
	if client.Subject.CommonName != "gantry-admin" || !slices.Equal(client.Subject.Organization, []string{"kubeadm:cluster-admins"}) {
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

// expiry is when the client certificate of a kubeconfig ends.
func expiry(t *testing.T, kubeconfig []byte) time.Time {
	t.Helper()
	connection, err := pki.ParseKubeconfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return certificate(t, connection.Client.Cert).NotAfter
}

func TestLifetimeOfClientCertificates(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	admin, super := authorities.AdminKubeconfig, authorities.SuperAdminKubeconfig
	for name, test := range map[string]struct {
		issue    func(io.Reader, string, string, time.Time) ([]byte, error)
		at, want time.Time
	}{
		"a year":                   {admin, now, now.Add(365 * 24 * time.Hour)},
		"never longer than the CA": {admin, now.AddDate(9, 6, 0), now.Add(10 * 365 * 24 * time.Hour)},
		"system:masters, an hour":  {super, now, now.Add(time.Hour)},
	} {
		kubeconfig, err := test.issue(rand.Reader, "prod-1", endpoint, test.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := expiry(t, kubeconfig); !got.Equal(test.want) {
			t.Errorf("%s: expires at %s, want %s", name, got, test.want)
		}
	}
}

// TestRenewKubeconfigOfMasters renews what nothing could revoke.
func TestRenewKubeconfigOfMasters(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	kubeconfig, err := authorities.SuperAdminKubeconfig(rand.Reader, "prod-1", endpoint, now)
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := authorities.RenewKubeconfig(rand.Reader, "prod-1", kubeconfig, now)
	if err != nil || renewed == nil {
		t.Fatalf("not renewed: %v", err)
	}
	connection, err := pki.ParseKubeconfig(renewed)
	if err != nil {
		t.Fatal(err)
	}
	if groups := certificate(t, connection.Client.Cert).Subject.Organization; !slices.Equal(groups, []string{pki.AdminGroup}) {
		t.Errorf("it is of the groups %q", groups)
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
		if expires := expiry(t, renewed); expires.Sub(at) < 364*24*time.Hour {
			t.Errorf("after %d days: expires %s", days, expires)
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
