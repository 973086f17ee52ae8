package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// fullControlPlane is a cluster without workers on a pool of addresses that just holds it: its
// nodes, the VIP and the extra.
func (w *world) fullControlPlane(count int) (model.ClusterSpec, *model.Secrets) {
	w.t.Helper()
	w.tightPool(count)
	spec, secrets, _ := w.applied(w.withNetwork(count, 0))
	return spec, secrets
}

// tightPool has the world use a pool of addresses that just holds a control plane.
func (w *world) tightPool(count int) {
	w.t.Helper()
	delay := 300
	w.pool = w.register(record.IPPool{
		Name: "tight", Start: "10.10.186.1", End: fmt.Sprintf("10.10.186.%d", count+2), PrefixLength: 18, DefaultGateway: "10.10.128.1",
		ReuseDelaySeconds: &delay,
	})
}

// etcdMembers are the names of the members of etcd, each of which must be healthy.
func (w *world) etcdMembers(secrets *model.Secrets) []string {
	w.t.Helper()
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	w.must(err)
	members := w.answeringMembers(api)
	var names []string
	for _, m := range members {
		if !m.Healthy() || m.Learner {
			w.t.Errorf("etcd has the member %+v", m)
		}
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names
}

// answeringMembers asks etcd until it answers: beside many other tests it may take longer than a
// request waits.
func (w *world) answeringMembers(api model.API) []model.EtcdMember {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	for {
		members, err := api.EtcdMembers(ctx)
		silent := func(m model.EtcdMember) bool { return strings.Contains(m.Error, "no answer within") }
		if ctx.Err() != nil || err == nil && !slices.ContainsFunc(members, silent) || err != nil && !model.Transient(err) {
			w.must(err)
			return members
		}
		time.Sleep(10 * time.Millisecond) // between two looks
	}
}

// wholeControlPlane fails where the control plane is not made of just so many nodes, as
// the spec has them, or anything is left of others.
func (w *world) wholeControlPlane(spec model.ClusterSpec, secrets *model.Secrets, count int) {
	w.t.Helper()
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		w.t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	var names []string
	for name := range w.kubeNodes(secrets) {
		names = append(names, name)
	}
	slices.Sort(names)
	if members := w.etcdMembers(secrets); len(names) != count || !slices.Equal(members, names) {
		w.t.Errorf("the nodes are %v, and the members of etcd %v", names, members)
	}
	_, facts, err := w.engine().Status(w.t.Context(), spec, secrets)
	w.must(err)
	if _, extra := facts.Address(w.pool, model.OwnerExtra); !extra || len(facts.Claims) != count+2 || len(facts.Unclaimed) > 0 {
		w.t.Errorf("the claims are %v, and those without a tag %v", facts.Claims, facts.Unclaimed)
	}
	if n := w.claims(); n != count+2 {
		w.t.Errorf("%d addresses are claimed, not %d: %v", n, count+2, w.sim.Leftovers().Tags)
	}
	if len(facts.Machines) != count || len(w.sim.Leftovers().VMs) != count {
		w.t.Errorf("the VMs are %v", w.sim.Leftovers().VMs)
	}
	for _, m := range facts.Machines {
		if m.Marker.CPU != spec.ControlPlane.CPU || m.Marker.Template != spec.Image.Template {
			w.t.Errorf("%s was built with %+v", m.Marker.Node, m.Marker)
		}
	}
	w.noAddressTwice()
}

// quorumWitness looks at etcd and at the VIP whenever a VM goes: the members that are left
// are healthy, and the node is none of them.
type quorumWitness struct {
	model.VCenter
	w       *world
	secrets *model.Secrets
	names   map[string]string // of the VMs, by reference

	mu       sync.Mutex
	wrong    []string
	releases map[string]bool // of etcd that served side by side
}

func (w *world) quorumWitness(e *engine.Engine, spec model.ClusterSpec, secrets *model.Secrets) *quorumWitness {
	seen := &quorumWitness{VCenter: e.Builder, w: w, secrets: secrets, names: map[string]string{}, releases: map[string]bool{}}
	survey, err := e.Builder.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	for _, m := range survey.Machines {
		seen.names[m.Ref] = m.Marker.Node
	}
	e.Builder = seen
	return seen
}

func (s *quorumWitness) PowerOff(ctx context.Context, vm string) (string, error) {
	api, err := s.w.engine().Kube.Connect(s.secrets.Kubeconfig, s.secrets.Authorities.Etcd)
	if err != nil {
		return "", err
	}
	var members []model.EtcdMember
	for deadline := time.Now().Add(2 * time.Minute); ; { // the VIP may have gone with the node before
		if members, err = api.EtcdMembers(ctx); err == nil || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	voters, healthy := 0, 0
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range members {
		if m.Learner {
			continue
		}
		s.releases[m.Version] = true
		voters++
		if m.Healthy() {
			healthy++
		}
		if m.Name != "" && m.Name == s.names[vm] {
			s.wrong = append(s.wrong, m.Name+" goes as a member")
		}
	}
	if err != nil || healthy < voters/2+1 {
		s.wrong = append(s.wrong, fmt.Sprintf("etcd has %+v when %s goes: %v", members, s.names[vm], err))
	}
	return s.VCenter.PowerOff(ctx, vm)
}

// kept fails where the quorum was at risk.
func (s *quorumWitness) kept(t testing.TB) {
	t.Helper()
	if len(s.wrong) > 0 {
		t.Errorf("%v", s.wrong)
	}
	if cut := s.w.sim.History().VIPCuts; len(cut) > 0 {
		t.Errorf("these were taken out with the VIP: %v", cut)
	}
}

// TestControlPlaneRolls changes what control-plane nodes are built with, in a pool that
// has no address too many: each is replaced after its successor has become a member of
// etcd, and nothing of it is left.
func TestControlPlaneRolls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		count  int
		change func(*world, *model.ClusterSpec)
		steps  []string
	}{
		"one, by CPU": {1, func(_ *world, s *model.ClusterSpec) { s.ControlPlane.CPU = 4 },
			[]string{"create_node prod-cp-2", "delete_node prod-cp-1"}},
		"one, by placement": {1, func(w *world, s *model.ClusterSpec) {
			s.ControlPlane.Placements = []model.Placement{w.placement("cluster-b")}
		},
			[]string{"create_node prod-cp-2", "delete_node prod-cp-1"}},
		"three, by image": {3, func(_ *world, s *model.ClusterSpec) { s.Image.Template = "gantry-node-1.37.2-nosnap" },
			[]string{"create_node prod-cp-4", "delete_node prod-cp-1", "create_node prod-cp-5", "delete_node prod-cp-2",
				"create_node prod-cp-6", "delete_node prod-cp-3"}},
		"five, by disk": {5, func(_ *world, s *model.ClusterSpec) { s.ControlPlane.DiskGB = 60 },
			[]string{"create_node prod-cp-6", "delete_node prod-cp-1", "create_node prod-cp-7", "delete_node prod-cp-2",
				"create_node prod-cp-8", "delete_node prod-cp-3", "create_node prod-cp-9", "delete_node prod-cp-4",
				"create_node prod-cp-10", "delete_node prod-cp-5"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec, secrets := w.fullControlPlane(c.count)
			c.change(w, &spec)
			p := w.plan(spec, secrets)
			if !slices.Equal(actions(p), c.steps) || p.Err() != nil {
				t.Fatalf("planned %v, %v", actions(p), p.Problems)
			}
			e := w.engine()
			seen := w.quorumWitness(e, spec, secrets)
			out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
			if err != nil {
				t.Fatal(err)
			}
			seen.kept(t)
			if out.Status.State != model.StateRunning || out.Status.Health != model.Healthy {
				t.Errorf("%+v", out.Status)
			}
			spec.Known = knownOf(out.Status)
			w.wholeControlPlane(spec, secrets, c.count)

			if c.count == 1 { // again, on the address that the first roll has left
				spec.ControlPlane.MemoryGB = 8
				w.apply(spec, secrets)
				w.wholeControlPlane(spec, secrets, c.count)
			}
			w.must(w.engine().Destroy(t.Context(), spec.Target()))
			if left := w.sim.Leftovers(); len(left.VMs)+len(left.Folders) > 0 || w.claims() > 0 {
				t.Errorf("left behind: %+v", left)
			}
		})
	}
}

// apply applies, and fails the test where that fails.
func (w *world) apply(spec model.ClusterSpec, secrets *model.Secrets) {
	w.t.Helper()
	e := w.engine()
	seen := w.quorumWitness(e, spec, secrets)
	if _, err := e.Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		w.t.Fatal(err)
	}
	seen.kept(w.t)
}

// TestControlPlaneIsNotRolledWhileAMemberIsIll plans and applies with a control-plane node
// that is off and stays so: nothing is replaced.
func TestControlPlaneIsNotRolledWhileAMemberIsIll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(3)
	spec.ControlPlane.CPU = 4
	w.powerOff("prod-cp-3")
	fail := simulator.Fault{Kind: simulator.FailTask, Call: "PowerOnVM_Task", Fault: "InsufficientResourcesFault", Times: -1}
	w.must(w.sim.AddFault(fail))
	e := w.engine()
	e.Timing.ReadyWait = 2 * time.Second
	_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "prod-cp-3") || len(w.sim.Leftovers().VMs) != 3 {
		t.Fatalf("got %v with %v", err, w.sim.Leftovers().VMs)
	}
	w.sim.ClearFaults()
	w.apply(spec, secrets)
	w.wholeControlPlane(spec, secrets, 3)
}

// TestControlPlaneRollStopsAtANodeThatFails rolls to an image that cannot join: nothing is
// taken away, again and again, and a fixed image goes on, the control plane first.
func TestControlPlaneRollStopsAtANodeThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollable(model.ExpandFirst, 0)
	spec.Image.Template = "gantry-node-1.36.3"
	for range 2 {
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		var boot *run.BootError
		if !errors.As(err, &boot) || boot.Node != "prod-cp-2" ||
			!strings.Contains(err.Error(), "3 nodes are left as they are: prod-cp-1, prod-general-1, prod-general-2") {
			t.Fatalf("got %v", err)
		}
		if got := w.readyNodes(t.Context(), secrets, "prod-"); !slices.Equal(got, []string{"prod-cp-1", "prod-general-1", "prod-general-2"}) {
			t.Fatalf("Ready are %v", got)
		}
		if out.Status.State != model.StateDegraded || len(w.sim.Leftovers().VMs) != 4 {
			t.Errorf("%s with %v", out.Status.State, w.sim.Leftovers().VMs)
		}
	}
	spec.Image.Template = "gantry-node-1.37.2-nosnap"
	e := w.engine()
	seen := w.witness(e, spec, secrets)
	if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	seen.kept(t)
	w.rolledOut(spec, secrets, "prod-general-3", "prod-general-4")
}

// TestControlPlaneRollGoesOnAfterAJoinThatFailed has the first successor fail to join, and
// builds it again under its name: it stays a member when the second one is built.
func TestControlPlaneRollGoesOnAfterAJoinThatFailed(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	w := newWorld(t, simulator.Options{AtJoin: func(vm string, _ guest.JoinStage) error {
		if vm == "prod-cp-4" && failing.Load() {
			return errors.New("the kubelet is not healthy")
		}
		return nil
	}})
	spec, secrets := w.fullControlPlane(3)
	spec.ControlPlane.CPU = 4
	failing.Store(true)
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "prod-cp-4 failed to join") {
		t.Fatalf("got %v", err)
	}
	failing.Store(false)
	w.apply(spec, secrets)
	w.wholeControlPlane(spec, secrets, 3)
}
