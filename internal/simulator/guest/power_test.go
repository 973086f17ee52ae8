package guest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

func (s *site) ready(host string) bool {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	_, err := s.clientset(host).Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err == nil
}

func (s *site) nodeReady(name string) corev1.ConditionStatus {
	s.t.Helper()
	n, err := s.clientset(vip).CoreV1().Nodes().Get(s.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		return ""
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status
		}
	}
	return ""
}

func (s *site) reported(name string) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ips[name]
}

func TestVIPMovesAndQuorumCounts(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(3, 0)
	holds := func(name string) func() bool {
		return func() bool { return slices.Contains(s.reported(name), netip.MustParseAddr(vip)) }
	}
	eventually(t, "the first node reports the VIP", holds("cp-1"))

	s.world.PowerOff("vm-cp-1")
	if !s.ready(vip) {
		t.Error("the VIP did not move to a node that lives")
	}
	eventually(t, "the second node reports the VIP", holds("cp-2"))
	if s.ready(address(11)) {
		t.Error("a node that is off answers")
	}
	s.refuses(s.worker("w-1", vip), "duplicate address detected")

	eventually(t, "the first node is unknown", func() bool { return s.nodeReady("cp-1") == corev1.ConditionUnknown })

	s.world.PowerOff("vm-cp-2")
	if s.ready(vip) || s.ready(address(13)) {
		t.Error("the API is ready with one member of three")
	}
	if _, err := s.clientset(address(13)).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("the API answers with one member of three")
	}

	s.boot(s.controlPlane("cp-2", address(12)))
	eventually(t, "the API is back with two members of three", func() bool { return s.ready(vip) })
	eventually(t, "its node is back", func() bool { return s.nodeReady("cp-2") == corev1.ConditionFalse })
	if got := s.nodeReady("cp-1"); got != corev1.ConditionUnknown {
		t.Errorf("node of a machine that is off: Ready=%q, want Unknown", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.phases["cp-2"]; !slices.Equal(got, []string{"booting", "kubeadm", "joined", "joined"}) {
		t.Errorf("a second boot reports that it has joined and nothing else, not %v", got)
	}
}

// A destroyed control plane is still a member until it is removed.
func TestDestroyedMembersCount(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(2, 0)
	s.world.Destroyed("vm-cp-2")
	if s.ready(vip) {
		t.Error("the API is ready with one member of two")
	}
}

func TestDestroyedClusterIsForgotten(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	s.world.PowerOff("vm-cp-1")
	s.world.Destroyed("vm-cp-1")
	if got := s.world.Guests(); len(got) != 0 {
		t.Errorf("guests %v", got)
	}
	s.mu.Lock()
	clear(s.reports)
	s.mu.Unlock()
	s.joins(s.first("cp-1", address(11)))
	nodes, err := s.clientset(vip).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 1 {
		t.Errorf("nodes of the new cluster: %v, %v", nodes, err)
	}
}

func TestConnectionsDieWithTheGuest(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	w, err := s.clientset(address(11)).CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	<-w.ResultChan()
	s.world.PowerOff("vm-cp-1")
	timeout := time.After(2 * time.Minute)
	for {
		select {
		case _, open := <-w.ResultChan():
			if !open {
				return
			}
		case <-timeout:
			t.Fatal("a watch outlived the machine that served it")
		}
	}
}

func TestPowerOffDuringBoot(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{BootDelay: time.Hour})
	s.boot(s.first("cp-1", address(11)))
	s.boot(s.first("cp-1", address(11))) // on already
	phases := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.phases["cp-1"])
	}
	eventually(t, "it boots", func() bool { return phases() > 0 })
	time.Sleep(20 * time.Millisecond)
	if got := phases(); got != 1 {
		t.Errorf("booted %d times", got)
	}
	s.world.PowerOff("vm-cp-1")
	s.world.PowerOff("vm-cp-1")
	s.world.PowerOff("vm-unknown")
	s.world.Destroyed("vm-unknown")
	if got := s.world.Guests(); len(got) != 1 || got[0].Phase != guest.PhaseOff {
		t.Errorf("guests %+v", got)
	}
	if got := s.reported("cp-1"); got != nil {
		t.Errorf("a machine that never booted reports %v", got)
	}
}

// A worker waits for the API of a cluster that is still to come.
func TestJoinWaits(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.boot(s.worker("w-1", address(21)))
	s.joins(s.first("cp-1", address(11)))
	s.putToken(time.Now().Add(time.Hour))
	if g := s.settled("w-1"); g.Phase != guest.PhaseJoined {
		t.Errorf("guest %s", g.Log)
	}
}

// cycle takes the power from a machine and gives it back, with the guestinfo that
// cloud-init has left.
func (s *site) cycle(m *machine) {
	s.t.Helper()
	s.world.PowerOff(m.vm.ID)
	s.mu.Lock()
	delete(s.reports[m.vm.Name], "guestinfo.gantry.phase")
	s.mu.Unlock()
	m.raw["guestinfo.userdata"], m.raw["guestinfo.userdata.encoding"] = "---", " "
	s.boot(m)
}

func (s *site) inPhase(name string, phase guest.Phase) func() bool {
	return func() bool {
		for _, g := range s.world.Guests() {
			if g.Name == name {
				return g.Phase == phase
			}
		}
		return false
	}
}

// The unit goes on where the power was lost, without the userdata.
func TestJoinResumesAfterTheLossOfPower(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	m := s.worker("w-1", address(21))
	s.boot(m)
	eventually(t, "the worker waits for the API", s.inPhase("w-1", guest.PhaseKubeadm))
	s.cycle(m)
	s.joins(s.first("cp-1", address(11)))
	s.putToken(time.Now().Add(time.Hour))
	if g := s.settled("w-1"); g.Phase != guest.PhaseJoined {
		t.Errorf("guest %s", g.Log)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.phases["w-1"]; !slices.Equal(got, []string{"booting", "kubeadm", "booting", "kubeadm", "joined"}) {
		t.Errorf("phases %v", got)
	}
}

// What was started and not enabled is not there after the loss of power.
func TestJoinDoesNotResumeWithoutItsUnit(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	m := s.worker("w-1", address(21))
	m.config["runcmd"] = []any{systemctl("start", "gantry-bootstrap.service")}
	s.boot(m)
	eventually(t, "the worker waits for the API", s.inPhase("w-1", guest.PhaseKubeadm))
	s.cycle(m)
	s.joins(s.first("cp-1", address(11)))
	s.putToken(time.Now().Add(time.Hour))
	s.joins(s.worker("w-2", address(22)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.phases["w-1"]; !slices.Equal(got, []string{"booting", "kubeadm"}) {
		t.Errorf("phases %v", got)
	}
}

func TestInitNeverRunsTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	m := s.first("other-1", address(41))
	s.refuses(m, "is in use by")
	s.cycle(m)
	if g := s.settled("other-1"); g.Phase != guest.PhaseFailed || !strings.Contains(g.Log, "has to be replaced") {
		t.Errorf("guest %s: %s", g.Phase, g.Log)
	}
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	for target, want := range map[string]string{"10.10.183.77:6443": "502", "vcenter.example.com:443": "502"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.world.ProxyURL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 64)
		n, _ := conn.Read(answer)
		if !strings.Contains(string(answer[:n]), want) {
			t.Errorf("CONNECT %s: %q, want %s", target, answer[:n], want)
		}
		_ = conn.Close()
	}
	resp, err := http.Get(s.world.ProxyURL())
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", resp.Status)
	}
}

// Everything stops at Close. Not parallel: it counts the process's goroutines.
func TestCloseLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newSite(t, guest.Options{})
	s.cluster(1, 2)
	s.boot(func() *machine {
		m := s.worker("w-9", address(29))
		dig(m.kubeadm[0], "discovery", "bootstrapToken")["apiServerEndpoint"] = "10.10.183.200:6443"
		return m
	}())
	w, err := s.clientset(vip).CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	s.world.Close()
	if took := time.Since(started); took > 30*time.Second { // nothing is waited for
		t.Errorf("Close took %s", took)
	}
	w.Stop()
	s.world.PowerOn(guest.VM{ID: "vm-late", Name: "late"})
	http.DefaultClient.CloseIdleConnections()
	var stacks []byte
	for range 200 {
		// Clients of this test keep a few goroutines of their transports for a
		// moment; what counts is that none runs code of this package.
		stacks = make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !strings.Contains(string(stacks), "simulator/guest.(") &&
			!strings.Contains(string(stacks), "guest/kubeapi") && !strings.Contains(string(stacks), "guest/network") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, now:\n%s", before, stacks)
}
