package engine_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// groups are those of a kubeconfig's user.
func groups(t *testing.T, kubeconfig []byte) []string {
	t.Helper()
	connection, err := pki.ParseKubeconfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(connection.Client.Cert)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate.Subject.Organization
}

// TestAdministratorsCanBeRevoked takes the rights of administrators away by RBAC: the
// kubeconfig in the state no longer works, the plan says so, and an apply puts back
// what is missing.
func TestAdministratorsCanBeRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	if got := groups(t, secrets.Kubeconfig); !slices.Equal(got, []string{"kubeadm:cluster-admins"}) {
		t.Fatalf("the kubeconfig is of the groups %q", got)
	}
	w.deleteBinding(secrets)
	api := w.administrator(secrets)
	if _, err := api.Nodes(t.Context()); err == nil {
		t.Fatal("administrators have rights without a binding")
	}
	planned := w.plan(spec, secrets)
	if steps := actions(planned); !slices.Equal(steps, []string{"bind_administrators prod"}) {
		t.Errorf("got the steps %q", steps)
	}
	if len(planned.Warnings) != 1 || !strings.Contains(planned.Warnings[0].Detail, pki.AdminGroup) {
		t.Errorf("got the warnings %v", planned.Warnings)
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Nodes(t.Context()); err != nil {
		t.Errorf("the rights are not back: %v", err)
	}
	if got := groups(t, secrets.Kubeconfig); !slices.Equal(got, []string{"kubeadm:cluster-admins"}) {
		t.Errorf("the kubeconfig is of the groups %q", got)
	}
}

// deleteBinding deletes the binding of administrators.
func (w *world) deleteBinding(secrets *model.Secrets) {
	w.t.Helper()
	connection, err := pki.ParseKubeconfig(secrets.Kubeconfig)
	if err != nil {
		w.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(connection.Client.Cert, connection.Client.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(connection.CA)
	proxy, err := url.Parse(w.sim.ProxyURL())
	if err != nil {
		w.t.Fatal(err)
	}
	transport := &http.Transport{
		Proxy:           http.ProxyURL(proxy),
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
	}
	defer transport.CloseIdleConnections()
	binding := connection.Server + "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/" + pki.AdminGroup
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, binding, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		w.t.Fatalf("the binding was not deleted: %s", response.Status)
	}
}

// TestKubeconfigOfMastersIsRenewed has a state that an older Gantry wrote.
func TestKubeconfigOfMastersIsRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	connection, err := pki.ParseKubeconfig(secrets.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	old, err := secrets.Authorities.SuperAdminKubeconfig(rand.Reader, spec.Name, connection.Server, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	secrets.Kubeconfig = old
	if renewed, err := w.engine().RenewKubeconfig(spec.Name, secrets); !renewed || err != nil {
		t.Fatalf("renewed: %t, %v", renewed, err)
	}
	if got := groups(t, secrets.Kubeconfig); !slices.Equal(got, []string{"kubeadm:cluster-admins"}) {
		t.Errorf("the kubeconfig is of the groups %q", got)
	}
	if _, err := w.administrator(secrets).Nodes(t.Context()); err != nil {
		t.Errorf("it does not work: %v", err)
	}
}
