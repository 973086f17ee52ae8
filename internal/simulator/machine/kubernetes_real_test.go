//go:build linux && real

package machine_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// One machine becomes a control plane by what the provider writes for it: its
// virtual address answers through the proxy, goes with the power and comes back.
func TestRealMachineRunsKubernetes(t *testing.T) {
	options := options(t)
	options.Guest = wholeGuest(t)
	l := newLab(t, options)
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	endpoint := netip.MustParseAddr("10.20.0.100")
	vm := l.vm("node-1", "10.20.0.11", "")
	if vm.GuestInfo, err = bootstrap.GuestInfo(bootstrap.Node{
		ClusterName:       "lab",
		Name:              "node-1",
		InstanceID:        "0f0e0d0c-0b0a-4908-8706-050403020100",
		Role:              bootstrap.FirstControlPlane,
		KubernetesVersion: "1.37.2",
		MAC:               vm.MAC,
		Address:           netip.MustParsePrefix("10.20.0.11/24"),
		Gateway:           netip.MustParseAddr("10.20.0.1"),
		Endpoint:          bootstrap.Endpoint{Address: endpoint},
		PodCIDR:           "10.244.0.0/16",
		ServiceCIDR:       "10.96.0.0/12",
		Authorities:       authorities,
	}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	l.PowerOn(vm)
	l.within(5*time.Minute, "node-1 has joined", func() bool {
		if state := l.state("node-1"); state.Phase == guest.PhaseFailed {
			t.Fatalf("%s\n%s", state.Error, state.Log)
		}
		return l.state("node-1").Phase == guest.PhaseJoined
	})
	t.Logf("joined after %s", time.Since(start))

	client := throughProxy(t, l.ProxyURL(), authorities.CA.Cert)
	ready := func() bool {
		response, err := client.Get("https://" + netip.AddrPortFrom(endpoint, bootstrap.APIServerPort).String() + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return string(text) == "ok"
	}
	l.within(time.Minute, "the API answers", ready)
	if got := l.heldBy(endpoint.String()); got != "node-1" {
		t.Errorf("the virtual address is held by %q", got)
	}

	start = time.Now()
	l.PowerOff(vm.ID)
	t.Logf("off after %s", time.Since(start))
	if ready() || l.heldBy(endpoint.String()) != "" {
		t.Error("the API answers without power")
	}
	start = time.Now()
	l.PowerOn(vm)
	l.within(2*time.Minute, "the API is back", ready)
	t.Logf("back after %s", time.Since(start))

	start = time.Now()
	l.Destroyed(vm.ID)
	t.Logf("destroyed after %s", time.Since(start))
	if remains := l.Remains(); len(remains) > 0 {
		t.Errorf("there remains %v", remains)
	}
}

// throughProxy returns a client that trusts a cluster's CA.
func throughProxy(t *testing.T, proxy string, ca []byte) *http.Client {
	t.Helper()
	via, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(ca)
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		Proxy: http.ProxyURL(via), TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableKeepAlives: true,
	}}
}
