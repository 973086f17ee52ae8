package guest_test

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

func TestLeasedClustersBoot(t *testing.T) {
	t.Parallel()
	for name, hostName := range map[string]string{"by address": "", "by name": "api.prod-1.example.com"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLeasing(t, hostName)
			l.cluster()
			nodes, err := l.client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
			if err != nil || len(nodes.Items) != 4 {
				t.Fatalf("nodes: %d, %v", len(nodes.Items), err)
			}
			for _, node := range []string{"prod-1-cp-1", "prod-1-w-1"} {
				if got, want := l.nodeAddress(node), l.reports1(node, "address"); got != want || !strings.HasPrefix(want, "10.10.") {
					t.Errorf("%s is registered at %s and reports %s", node, got, want)
				}
			}
			// One that leaves the list, and then its machine.
			l.uses("prod-1-cp-2", "prod-1-cp-3")
			l.world.PowerOff("vm-prod-1-cp-1")
			for range 6 {
				if !l.answers() {
					t.Fatal("the API does not answer")
				}
			}
		})
	}
}

// A lease follows the card, also to another machine.
func TestLeasesFollowTheMACAddress(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.startBalancer()
	first := l.reports1(balancerName, "address")
	l.world.PowerOff("vm-" + balancerName)
	l.world.Destroyed("vm-" + balancerName)
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	eventually(t, "a node has a lease", func() bool { return l.reports1("prod-1-cp-1", "address") != "" })
	if l.reports1("prod-1-cp-1", "address") == first {
		t.Error("a node got the lease of the load balancer")
	}
	info, err := bootstrap.LoadBalancerGuestInfo(l.balancer())
	if err != nil {
		t.Fatal(err)
	}
	l.records.mu.Lock()
	delete(l.reports, balancerName)
	l.records.mu.Unlock()
	l.power(balancerName, address(5), info)
	l.reaches(balancerName, "waiting")
	if got := l.reports1(balancerName, "address"); got != first {
		t.Errorf("the replacement got %s and not %s", got, first)
	}
}

func TestLeasedClusterComesBackAfterAResetOfAll(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.cluster()
	l.world.PowerOff("vm-" + balancerName)
	if l.answers() {
		t.Error("the API answers while its load balancer is off")
	}
	l.restart(balancerName, "prod-1-cp-1", "prod-1-cp-2", "prod-1-cp-3", "prod-1-w-1")
	l.reaches(balancerName, "serving")
	eventually(t, "the API is back", l.answers)
	for _, name := range []string{"prod-1-cp-1", "prod-1-cp-2", "prod-1-cp-3", "prod-1-w-1"} {
		l.reaches(name, "joined")
		if l.reports1(name, "lease") != "" {
			t.Errorf("%s reports another lease", name)
		}
	}
}

func TestChangedLeases(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.cluster()
	for _, name := range []string{"prod-1-cp-3", "prod-1-w-1"} {
		before := l.reports1(name, "address")
		l.changeLease(name)
		l.restart(name)
		eventually(t, name+" reports its lease", func() bool { return l.reports1(name, "lease") != "" })
		if got, lease := l.reports1(name, "address"), l.reports1(name, "lease"); got != before || lease == before {
			t.Errorf("%s reports %s and %s, was %s", name, got, lease, before)
		}
	}
	eventually(t, "the worker's node has its address", func() bool {
		return l.nodeAddress("prod-1-w-1") == l.reports1("prod-1-w-1", "lease")
	})
	eventually(t, "the control-plane node is not ready", func() bool {
		n, err := l.client().CoreV1().Nodes().Get(t.Context(), "prod-1-cp-3", metav1.GetOptions{})
		if err != nil {
			return false
		}
		i := slices.IndexFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
		return i >= 0 && n.Status.Conditions[i].Status == corev1.ConditionUnknown
	})
	if !l.answers() {
		t.Error("the API does not answer with two members of three")
	}
	// Its etcd does not run: without another one there is no quorum.
	eventually(t, "etcd says why", func() bool {
		return slices.ContainsFunc(l.world.Guests(), func(g guest.State) bool {
			return g.Name == "prod-1-cp-3" && strings.Contains(g.Log, "etcd: listen tcp "+l.reports1("prod-1-cp-3", "address"))
		})
	})
	l.world.PowerOff("vm-prod-1-cp-2")
	if l.answers() {
		t.Error("the API answers with one member of three")
	}
}

func TestMachinesWaitForALease(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.startBalancer()
	l.world.LimitLeases("dvpg-nodes", 1)
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	eventually(t, "the node says what it waits for", func() bool {
		return strings.Contains(l.reports1("prod-1-cp-1", "log"), "no lease on network dvpg-nodes")
	})
	if phase := l.reports1("prod-1-cp-1", "phase"); phase != "booting" {
		t.Errorf("phase %s", phase)
	}
	l.world.LimitLeases("dvpg-nodes", -1)
	l.uses("prod-1-cp-1")
	l.wantJoined("prod-1-cp-1")
}

// init ends only by the endpoint, and so does a join.
func TestInitNeedsAWayThroughTheLoadBalancer(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.engine.site = newSite(t, guest.Options{JoinTimeout: 300 * time.Millisecond})
	l.startBalancer()
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	g := l.settled("prod-1-cp-1")
	if g.Phase != guest.PhaseInitFailed || !strings.Contains(g.Log, "no load balancer there leads to this node") {
		t.Errorf("phase %s\n%s", g.Phase, g.Log)
	}
}

// What is no list of addresses, or none, changes nothing.
func TestLoadBalancerKeepsItsBackends(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.startBalancer()
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	l.uses("prod-1-cp-1")
	l.wantJoined("prod-1-cp-1")
	for _, wrong := range []string{"", " ", "nonsense", "10.0.0.1,,10.0.0.2"} {
		l.tell(bootstrap.BackendsKey, wrong)
		l.restart(balancerName)
		l.reaches(balancerName, "serving")
		if !l.answers() {
			t.Errorf("the API does not answer after %q", wrong)
		}
	}
}

// A backend that another cluster's authority has signed gets nothing.
func TestLoadBalancerSendsNothingToOtherClusters(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	other, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ours := l.a.CA
	l.a.CA = other.CA // of the load balancer
	l.engine.site = newSite(t, guest.Options{JoinTimeout: 300 * time.Millisecond})
	l.startBalancer()
	l.a.CA = ours
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	l.uses("prod-1-cp-1")
	if g := l.settled("prod-1-cp-1"); g.Phase != guest.PhaseInitFailed {
		t.Errorf("phase %s\n%s", g.Phase, g.Log)
	}
	if l.answers() {
		t.Error("the API answers")
	}
}
