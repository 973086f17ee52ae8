package simulator_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// booted makes a machine with a card and guestinfo and powers it on.
func (d *datacenter) booted(name, mac string, info map[string]string) *object.VirtualMachine {
	d.Helper()
	var options []types.BaseOptionValue
	if _, told := info[bootstrap.BackendsKey]; !told {
		options = append(options, option(bootstrap.BackendsKey, "")) // the template has some
	}
	for key, value := range info {
		options = append(options, option(key, value))
	}
	for _, key := range []string{bootstrap.PhaseKey, bootstrap.LogKey, bootstrap.AddressKey, bootstrap.LeaseKey, bootstrap.AppliedKey} {
		options = append(options, option(key, "none"))
	}
	return d.mustClone(name, d.replaceNIC("dvpg-nodes"), func(s *types.VirtualMachineCloneSpec) {
		added := s.Location.DeviceChange[len(s.Location.DeviceChange)-1].GetVirtualDeviceConfigSpec()
		card := added.Device.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
		card.AddressType = string(types.VirtualEthernetCardMacTypeManual)
		card.MacAddress = mac
		if s.Config == nil {
			s.Config = &types.VirtualMachineConfigSpec{}
		}
		s.Config.ExtraConfig = append(s.Config.ExtraConfig, options...)
		s.PowerOn = true
	})
}

// reported waits until a machine's guest has set a key to something.
func (d *datacenter) reported(vm *object.VirtualMachine, key string, is func(string) bool) string {
	d.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		value := d.guestinfo(vm)[key]
		if is(value) {
			return value
		}
		if time.Now().After(deadline) {
			d.Fatalf("%s is %q; log:\n%s", key, value, d.guestinfo(vm)[bootstrap.LogKey])
		}
	}
}

func equals(want string) func(string) bool { return func(value string) bool { return value == want } }

func isAddress(value string) bool {
	_, err := netip.ParseAddr(value)
	return err == nil
}

// What a client of vCenter writes into guestinfo arrives in a load balancer that runs, and
// the name that it asked for its lease by leads to it through the proxy.
func TestLoadBalancerReadsItsGuestinfo(t *testing.T) {
	t.Parallel()
	d := start(t)
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	d.must(err)
	info, err := bootstrap.LoadBalancerGuestInfo(bootstrap.LoadBalancer{
		ClusterName: "c", Name: "c-lb", InstanceID: "6ba7b810-9dad-11d1-80b4-00c04fd43000", MAC: "00:50:56:01:02:03",
		KubernetesVersion: "1.37.2", HAProxyImage: bootstrap.DefaultHAProxyImage, HostName: "api.c.example.com",
		CACertificate: authorities.CA.Cert,
	})
	d.must(err)
	balancer := d.booted("c-lb", "00:50:56:01:02:03", info)
	address := d.reported(balancer, bootstrap.AddressKey, isAddress)
	d.reported(balancer, bootstrap.PhaseKey, equals(bootstrap.PhaseWaiting))

	first, err := bootstrap.GuestInfo(bootstrap.Node{
		ClusterName: "c", Name: "c-cp-1", InstanceID: "6ba7b810-9dad-11d1-80b4-00c04fd43001", Role: bootstrap.FirstControlPlane,
		KubernetesVersion: "1.37.2", MAC: "00:50:56:01:02:04", DHCP: true, PodCIDR: "172.20.0.0/16", ServiceCIDR: "172.21.0.0/16",
		Endpoint: bootstrap.Endpoint{HostName: "api.c.example.com", LoadBalancer: true}, Authorities: authorities,
	})
	d.must(err)
	node := d.booted("c-cp-1", "00:50:56:01:02:04", first)
	list := d.reported(node, bootstrap.AddressKey, isAddress)
	backends := []types.BaseOptionValue{option(bootstrap.BackendsKey, list)}
	d.wait(balancer.Reconfigure(d.ctx, types.VirtualMachineConfigSpec{ExtraConfig: backends}))
	d.reported(balancer, bootstrap.AppliedKey, equals(list))
	d.reported(node, bootstrap.PhaseKey, equals("joined"))
	for _, host := range []string{"api.c.example.com", list} {
		d.must(d.asks(host, authorities))
	}
	// The certificate carries the name alone.
	if err := d.asks(address, authorities); err == nil || !strings.Contains(err.Error(), "certificate is valid for") {
		t.Errorf("by its address: %v", err)
	}

	// Another lease: the address that it bootstrapped with stays.
	d.must(d.ChangeLease(balancer.Reference().Value, netip.Addr{}))
	d.wait(balancer.Reset(d.ctx))
	lease := d.reported(balancer, bootstrap.LeaseKey, isAddress)
	d.reported(balancer, bootstrap.PhaseKey, equals(bootstrap.PhaseServing))
	if kept := d.guestinfo(balancer)[bootstrap.AddressKey]; kept != address || lease == address {
		t.Errorf("it reports %s and %s, had %s", kept, lease, address)
	}
	d.must(d.asks("api.c.example.com", authorities)) // the name leads to the new one
}

// asks asks an API server whether it is ready, through the proxy.
func (d *datacenter) asks(host string, authorities *pki.Authorities) error {
	d.Helper()
	proxy, err := url.Parse(d.ProxyURL())
	d.must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authorities.CA.Cert)
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get("https://" + host + ":6443/readyz")
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func TestLeasesOfANetworkRunOut(t *testing.T) {
	t.Parallel()
	d := start(t)
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	d.must(err)
	info, err := bootstrap.LoadBalancerGuestInfo(bootstrap.LoadBalancer{
		ClusterName: "c", Name: "c-lb", InstanceID: "6ba7b810-9dad-11d1-80b4-00c04fd43000", MAC: "00:50:56:01:02:03",
		KubernetesVersion: "1.37.2", HAProxyImage: bootstrap.DefaultHAProxyImage, CACertificate: authorities.CA.Cert,
	})
	d.must(err)
	d.LimitLeases("dvpg-nodes", 0)
	balancer := d.booted("c-lb", "00:50:56:01:02:03", info)
	d.reported(balancer, bootstrap.LogKey, func(log string) bool { return strings.Contains(log, "no lease on network dvpg-nodes") })
	d.LimitLeases("dvpg-nodes", -1)
	d.reported(balancer, bootstrap.PhaseKey, equals(bootstrap.PhaseWaiting))
}
