package bootstrap_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// lease is what machines of the tests get.
var lease = netip.MustParsePrefix("10.10.183.77/18")

func TestLeasedNodesAreRefusedWhatTheirLeaseBrings(t *testing.T) {
	t.Parallel()
	type node = bootstrap.Node
	first, worker := bootstrap.FirstControlPlane, bootstrap.Worker
	addr := netip.MustParseAddr
	for name, test := range map[string]struct {
		role  bootstrap.Role
		spoil func(*node)
		field string
	}{
		"address":            {worker, func(n *node) { n.Address = netip.MustParsePrefix("10.10.183.11/18") }, "Address"},
		"gateway":            {worker, func(n *node) { n.Gateway = addr("10.10.128.1") }, "Gateway"},
		"nameservers":        {worker, func(n *node) { n.Nameservers = []netip.Addr{addr("8.8.8.8")} }, "Nameservers"},
		"search domains":     {worker, func(n *node) { n.SearchDomains = []string{"example.com"} }, "SearchDomains"},
		"virtual address":    {first, func(n *node) { n.Endpoint.LoadBalancer = false }, "Endpoint"},
		"no endpoint":        {first, func(n *node) { n.Endpoint.Address = netip.Addr{} }, "Endpoint"},
		"endpoint of IPv6":   {first, func(n *node) { n.Endpoint.Address = addr("fd00::1") }, "Endpoint"},
		"no host name":       {first, func(n *node) { n.Endpoint.HostName = "Api.example.com" }, "Endpoint.HostName"},
		"address for a name": {first, func(n *node) { n.Endpoint.HostName = "10.10.183.1" }, "Endpoint.HostName"},
		"long first label":   {first, func(n *node) { n.Endpoint.HostName = strings.Repeat("a", 64) + ".example.com" }, "Endpoint.HostName"},
		"pods of IPv6":       {worker, func(n *node) { n.PodCIDR = "fd00:244::/56" }, "PodCIDR"},
		"pods over endpoint": {worker, func(n *node) { n.PodCIDR = "10.10.0.0/16" }, "PodCIDR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := leased(newNode(t, test.role))
			if _, err := bootstrap.GuestInfo(n); err != nil {
				t.Fatal(err)
			}
			test.spoil(&n)
			_, err := bootstrap.GuestInfo(n)
			fault, ok := errors.AsType[*bootstrap.FieldError](err)
			if !ok || fault.Field != test.field {
				t.Errorf("error %v, want one about %s", err, test.field)
			}
		})
	}
}

func TestStaticNodesHaveNoLoadBalancer(t *testing.T) {
	t.Parallel()
	for field, spoil := range map[string]func(*bootstrap.Endpoint){
		"Endpoint":          func(e *bootstrap.Endpoint) { e.LoadBalancer = true },
		"Endpoint.HostName": func(e *bootstrap.Endpoint) { e.HostName = "api.example.com" },
	} {
		n := newNode(t, bootstrap.Worker)
		spoil(&n.Endpoint)
		_, err := bootstrap.GuestInfo(n)
		if fault, ok := errors.AsType[*bootstrap.FieldError](err); !ok || fault.Field != field {
			t.Errorf("error %v, want one about %s", err, field)
		}
	}
}

// A plan does not know the lease of a load balancer that is still to be made.
func TestCheckTakesAnEndpointThatIsNotKnown(t *testing.T) {
	t.Parallel()
	for _, role := range []bootstrap.Role{bootstrap.ControlPlane, bootstrap.Worker} {
		n := leased(newNode(t, role))
		n.Endpoint.Address = netip.Addr{}
		if faults := bootstrap.Check(n); len(faults) > 0 {
			t.Errorf("%s: %v", role, faults)
		}
	}
}

// The words in place of a lease are in no file that the script does not fill in, and in no
// document of a node with a static address.
func TestWordsInPlaceOfALeaseAreFilledIn(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		static, withLease := behindProxy(t, newNode(t, role)), behindProxy(t, leased(newNode(t, role)))
		if role == bootstrap.FirstControlPlane {
			static, withLease = restoring(t, static), restoring(t, withLease)
		}
		for _, file := range userdata(t, static).WriteFiles {
			if strings.Contains(file.Content, bootstrap.LeasedAddress) || strings.Contains(file.Content, bootstrap.LeasedNetwork) {
				t.Errorf("%s: %s of a static node has a word in it", role, file.Path)
			}
		}
		config := userdata(t, withLease)
		listed := strings.Fields(config.file("/etc/gantry/leased-files"))
		for _, file := range config.WriteFiles {
			if file.Path == "/etc/gantry/lease.sh" {
				continue // which fills them in
			}
			has := strings.Contains(file.Content, bootstrap.LeasedAddress) || strings.Contains(file.Content, bootstrap.LeasedNetwork)
			if has != slices.Contains(listed, file.Path) {
				t.Errorf("%s: %s has words: %t; listed: %v", role, file.Path, has, listed)
			}
		}
	}
}

// A worker goes on with whatever lease it has, so that nothing of it may carry one.
func TestWorkersCarryNoLease(t *testing.T) {
	t.Parallel()
	kubeadm := userdata(t, leased(newNode(t, bootstrap.Worker))).file("/etc/gantry/kubeadm.yaml")
	if strings.Contains(kubeadm, bootstrap.LeasedAddress) || strings.Contains(kubeadm, "node-ip") {
		t.Errorf("a worker carries an address:\n%s", kubeadm)
	}
	kubeadm = userdata(t, leased(newNode(t, bootstrap.ControlPlane))).file("/etc/gantry/kubeadm.yaml")
	if strings.Count(kubeadm, bootstrap.LeasedAddress) != 2 {
		t.Errorf("a control plane advertises what, and is registered by what?\n%s", kubeadm)
	}
}
