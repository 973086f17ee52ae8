package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// snapshot is what the cluster's etcd has now, served to who restores it.
func (w *world) snapshot(secrets *model.Secrets) *model.Restore {
	w.t.Helper()
	var content bytes.Buffer
	_, err := w.administrator(secrets).EtcdSnapshot(w.t.Context(), &content)
	w.must(err)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { _, _ = out.Write(content.Bytes()) }))
	w.t.Cleanup(server.Close)
	sum := sha256.Sum256(content.Bytes())
	return &model.Restore{URL: server.URL + "/prod.db?presigned=hunter2", SHA256: hex.EncodeToString(sum[:])}
}

// writes has the administrator write an object of a name.
func (w *world) writes(secrets *model.Secrets, name string) {
	w.t.Helper()
	w.must(w.administrator(secrets).PutSecret(w.t.Context(), name, map[string][]byte{"of": []byte(name)}))
}

// remembers reports whether the cluster has what was written.
func (w *world) remembers(secrets *model.Secrets, name string) bool {
	w.t.Helper()
	data, err := w.administrator(secrets).Secret(w.t.Context(), name)
	w.must(err)
	return string(data["of"]) == name
}

// restores is a spec that asks for a snapshot.
func restores(spec model.ClusterSpec, from *model.Restore) model.ClusterSpec {
	spec.Restore = from
	spec.Reset = from.ID()
	return spec
}

// oneEtcd fails clones of a control plane as long as a VM of the former one is there: its
// etcd runs, and two would have one VIP.
type oneEtcd struct {
	model.VCenter
	w      *world
	former []string
}

func (o oneEtcd) Clone(ctx context.Context, c model.CloneRequest) (string, error) {
	for _, vm := range o.w.sim.Leftovers().VMs {
		if slices.ContainsFunc(o.former, func(name string) bool { return strings.HasSuffix(vm, "/"+name) }) {
			return "", errors.New("the former " + vm + " may run")
		}
	}
	return o.VCenter.Clone(ctx, c)
}

// TestRestoreAfterTwoOfThreeAreLost has what was written before the snapshot, and not what
// came after, with the same endpoint, authorities and workers.
func TestRestoreAfterTwoOfThreeAreLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, first := w.applied(w.withNetwork(3, 2))
	kubeconfig := string(secrets.Kubeconfig)
	w.writes(secrets, "before")
	from := w.snapshot(secrets)
	w.writes(secrets, "after")
	if p := w.plan(restores(spec, from), secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "Remove restore_from_snapshot") {
		t.Errorf("of a cluster that works the plan says %v", p.Problems)
	}

	w.must(w.sim.DeleteVM("prod-cp-1"))
	w.must(w.sim.DeleteVM("prod-cp-2"))
	if p := w.plan(spec, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "restore_from_snapshot") {
		t.Errorf("without a snapshot the plan says %v", p.Problems)
	}
	spec = restores(spec, from)
	p := w.plan(spec, secrets)
	want := []string{
		"reset_control_plane prod", "delete_node prod-cp-3", "release_address prod-cp-1", "release_address prod-cp-2",
		"create_node prod-cp-4", "remove_stale_nodes prod", "create_node prod-cp-5", "create_node prod-cp-6",
		"reconnect_workers prod", "apply_pack net",
	}
	planned := actions(p)
	if len(planned) > 4 {
		slices.Sort(planned[2:4]) // they come by their addresses, and side by side any node gets any
	}
	if !slices.Equal(planned, want) || p.Err() != nil || p.RenewsAuthorities {
		t.Fatalf("planned %v, %v", actions(p), p.Problems)
	}
	shown := p.Changes()
	e := w.engine()
	e.Builder = oneEtcd{e.Builder, w, []string{"prod-cp-3"}}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown})
	w.must(err)

	if !w.remembers(secrets, "before") || w.remembers(secrets, "after") {
		t.Error("the cluster does not have the data of the snapshot")
	}
	if out.ID != first.ID || out.Status.Endpoint != first.Status.Endpoint || string(secrets.Kubeconfig) != kubeconfig {
		t.Errorf("it was %+v and is %+v", first.Status, out.Status)
	}
	workers := func(out *engine.Outcome) []model.KnownMachine {
		return slices.DeleteFunc(knownOf(out.Status), func(m model.KnownMachine) bool { return !strings.Contains(m.Node, "general") })
	}
	if !slices.Equal(workers(out), workers(first)) || len(workers(out)) != 2 {
		t.Errorf("the workers were %v and are %v", workers(first), workers(out))
	}
	for _, node := range out.Status.Nodes {
		if !node.Ready {
			t.Errorf("%s is not Ready", node.Name)
		}
	}
	spec = kept(spec, out)
	w.restored(spec, secrets, 7)
	// The attribute may stay, or go.
	spec.Restore, spec.Reset = nil, ""
	w.restored(spec, secrets, 7)
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// restored fails unless the cluster is whole: as many claims, the nodes that have VMs, the
// members that are control-plane nodes, and nothing to do.
func (w *world) restored(spec model.ClusterSpec, secrets *model.Secrets, claims int) {
	w.t.Helper()
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil || len(again.Warnings) > 0 {
		w.t.Errorf("a second plan has the steps %v, the problems %v and the warnings %v", actions(again), again.Problems, again.Warnings)
	}
	_, facts, err := w.engine().Status(w.t.Context(), spec, secrets)
	w.must(err)
	var vms, members, nodes []string
	for _, m := range facts.Machines {
		vms = append(vms, m.Marker.Node)
		if m.Marker.ControlPlane() {
			members = append(members, m.Marker.Node)
		}
	}
	for name := range w.kubeNodes(secrets) {
		nodes = append(nodes, name)
	}
	slices.Sort(nodes)
	slices.Sort(vms)
	if !slices.Equal(nodes, vms) || !slices.Equal(w.etcdMembers(secrets), members) || len(w.sim.Leftovers().VMs) != len(facts.VMs()) {
		w.t.Errorf("the nodes are %v, the VMs %v and the members of etcd %v", nodes, vms, w.etcdMembers(secrets))
	}
	if n := w.claims(); n != claims {
		w.t.Errorf("%d addresses are claimed, not %d: %v", n, claims, w.sim.Leftovers().Tags)
	}
	w.noAddressTwice()
}

// TestRestoreFromBeforeAWorkerJoined has a worker that the snapshot does not know, with a
// label that it does not know either, and one that was off meanwhile: both come back.
func TestRestoreFromBeforeAWorkerJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	from := w.snapshot(secrets)
	spec.Workers[0].Count = 2
	spec.Workers[0].Meta.Labels = map[string]string{"tier": "other"}
	spec = kept(spec, w.applies(spec, secrets))
	w.powerOff("prod-general-1")
	w.must(w.sim.DeleteVM("prod-cp-1"))
	spec = restores(spec, from)
	before := spec.Known
	spec = kept(spec, w.applies(spec, secrets))
	if !slices.Contains(spec.Known, before[1]) || !slices.Contains(spec.Known, before[2]) {
		t.Errorf("the VMs were %v and are %v", before, spec.Known)
	}
	w.restored(spec, secrets, 5)
}

// noPowerOff fails to power anything off.
type noPowerOff struct{ model.VCenter }

func (noPowerOff) PowerOff(context.Context, string) (string, error) {
	return "", errors.New("no power off")
}

// TestRestoreThatEndedBeforeAWorkerWasBack keeps a worker that the snapshot does not know:
// the control plane had answered when the run failed, and the next apply reconnects it.
func TestRestoreThatEndedBeforeAWorkerWasBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	from := w.snapshot(secrets)
	spec.Workers[0].Count = 2
	spec = kept(spec, w.applies(spec, secrets))
	before := spec.Known
	w.must(w.sim.DeleteVM("prod-cp-1"))
	spec = restores(spec, from)
	e := w.engine()
	e.Builder = noPowerOff{e.Builder}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "no power off") || !out.APIReached {
		t.Fatalf("applied with %v", err)
	}
	spec = kept(spec, out)
	w.eventually(func() bool { // a later restore is careful with a node that has reported this
		_, facts, err := w.engine().Status(t.Context(), spec, secrets)
		return err == nil && facts.Machines[0].Phase == model.PhaseJoined
	})
	steps := actions(w.plan(spec, secrets))
	if !slices.Contains(steps, "reconnect_workers prod") || slices.Contains(steps, "delete_node prod-general-2") {
		t.Errorf("planned %v", steps)
	}
	spec = kept(spec, w.applies(spec, secrets))
	if !slices.Contains(spec.Known, before[1]) || !slices.Contains(spec.Known, before[2]) {
		t.Errorf("the VMs were %v and are %v", before, spec.Known)
	}
	w.restored(spec, secrets, 5)
}

// TestRestoreOfTheWrongFile fails on the node, before anything of Kubernetes runs. The
// authorities stay, since workers trust no others, and the right file restores it.
func TestRestoreOfTheWrongFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	w.writes(secrets, "before")
	from := w.snapshot(secrets)
	authorities := secrets.Authorities.Fingerprint()
	w.must(w.sim.DeleteVM("prod-cp-1"))

	wrong := *from
	wrong.SHA256 = strings.Repeat("a", 64)
	for range 2 {
		_, err := w.engine().Apply(t.Context(), engine.Request{Spec: restores(spec, &wrong), Secrets: secrets})
		if err == nil || !strings.Contains(err.Error(), "does not have the sha256 of restore_from_snapshot") ||
			strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("applied with %v", err)
		}
	}
	// Its workers would lose their pods to a cluster of other authorities.
	elsewhere := newWorld(t, simulator.Options{})
	_, others, _ := elsewhere.applied(elsewhere.withNetwork(1, 0))
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: restores(spec, elsewhere.snapshot(others)), Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "the snapshot is not of this cluster") {
		t.Fatalf("applied with %v", err)
	}
	if secrets.Authorities.Fingerprint() != authorities {
		t.Fatal("it has other authorities")
	}
	if p := w.plan(spec, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "being restored") {
		t.Errorf("without the attribute the plan says %v", p.Problems)
	}
	spec = restores(spec, from)
	// Its name is not free for that: a creation of another state takes nothing over.
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: w.withNetwork(1, 1), Secrets: newSecrets(t)}); err == nil ||
		!strings.Contains(err.Error(), "is registered in this vCenter") {
		t.Errorf("another creation ended with %v", err)
	}
	// However far a restore has come, an apply does what its plan has shown.
	var moved *model.MovedError
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &[]model.Change{}})
	if !errors.As(err, &moved) {
		t.Errorf("applied what was not shown with %v", err)
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if !w.remembers(secrets, "before") {
		t.Error("the cluster does not have the data of the snapshot")
	}
	w.restored(kept(spec, out), secrets, 4)
}

// TestCreationFromASnapshot makes a cluster elsewhere, with nothing left of the one that the
// snapshot is of but its authorities.
func TestCreationFromASnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, first := w.applied(w.withNetwork(1, 1))
	w.writes(secrets, "before")
	from := w.snapshot(secrets)
	w.must(w.engine().Destroy(t.Context(), spec.Target()))

	again := restores(w.withNetwork(1, 1), from)
	secrets = &model.Secrets{Authorities: secrets.Authorities}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: again, Secrets: secrets})
	w.must(err)
	if out.ID == first.ID || !w.remembers(secrets, "before") {
		t.Errorf("it is %+v, and does not have the data of the snapshot", out.Status)
	}
	if data, err := w.administrator(secrets).Secret(t.Context(), model.SecretPKI); err != nil || string(data[model.IDKey]) != out.ID.String() {
		t.Errorf("what import needs is of %s (%v)", data[model.IDKey], err)
	}
	w.restored(kept(again, out), secrets, 4)
}

// TestRestoreInterruptedAtEveryCall kills a restore at each of its vCenter calls: the next
// apply ends with the data, one etcd and the worker that there was.
func TestRestoreInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	lost := func(w *world) (model.ClusterSpec, *model.Secrets) {
		spec, secrets, _ := w.applied(w.withNetwork(1, 1))
		w.writes(secrets, "before")
		from := w.snapshot(secrets)
		w.must(w.sim.DeleteVM("prod-cp-1"))
		return restores(spec, from), secrets
	}
	interrupt(t, 24, disturbances, func(w *world) {
		spec, secrets := lost(w)
		w.sim.ResetCalls()
		w.applies(spec, secrets)
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets := lost(w)
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: &model.Secrets{
				Authorities: secrets.Authorities, Kubeconfig: secrets.Kubeconfig,
			}})
		})
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		w.must(err)
		if !w.remembers(secrets, "before") {
			t.Error("the cluster does not have the data of the snapshot")
		}
		w.restored(kept(spec, out), secrets, 4)
	})
}
