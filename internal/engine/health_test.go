package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// eventuallyCondition refreshes until a condition has a status and a reason, and returns it
// with the whole status.
func (w *world) eventuallyCondition(
	e *engine.Engine, spec model.ClusterSpec, secrets *model.Secrets, want model.Condition,
) (model.Condition, *model.Status) {
	w.t.Helper()
	var got model.Condition
	var status *model.Status
	w.until(fmt.Sprintf("%s is %s for %s, and not %+v", want.Type, want.Status, want.Reason, got), func(ctx context.Context) bool {
		var err error
		status, _, err = e.Status(ctx, spec, secrets)
		w.must(err)
		got = statusCondition(w.t, status, want.Type)
		return got.Status == want.Status && got.Reason == want.Reason
	})
	return got, status
}

// TestHealthNamesWhatIsIll makes one thing after the other ill in a control plane of three,
// and has a refresh say so, and again that all is well.
func TestHealthNamesWhatIsIll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(3)
	for _, c := range []struct {
		ill, well model.Condition
		says      []string
		state     model.State
		do, undo  func() error
	}{
		{
			ill:  model.Condition{Type: "NodesWithoutProblems", Status: model.ConditionFalse, Reason: "ProblemsReported"},
			well: model.Condition{Type: "NodesWithoutProblems", Status: model.ConditionTrue, Reason: "NoneReported"},
			says: []string{"prod-cp-2 (DiskPressure: the disk is full)"}, state: model.StateRunning,
			do:   func() error { return w.sim.SetNodeProblem("prod-cp-2", "DiskPressure", "the disk is full") },
			undo: func() error { return w.sim.SetNodeProblem("prod-cp-2", "DiskPressure", "") },
		},
		{
			ill:  model.Condition{Type: "ZonesMatch", Status: model.ConditionFalse, Reason: "LabelsDiffer"},
			well: model.Condition{Type: "ZonesMatch", Status: model.ConditionTrue, Reason: "AllMatch"},
			says: []string{"prod-cp-1 (labelled zone zone-a, and its VM is in zone-c)"}, state: model.StateRunning,
			do:   func() error { return w.sim.MigrateVM("prod-cp-1", "cluster-c") },
			undo: func() error { return w.sim.MigrateVM("prod-cp-1", "cluster-a") },
		},
		{
			ill:  model.Condition{Type: "ControlPlaneHealthy", Status: model.ConditionFalse, Reason: "PodsNotReady"},
			well: model.Condition{Type: "ControlPlaneHealthy", Status: model.ConditionTrue, Reason: "AllReady"},
			says: []string{"kube-scheduler on prod-cp-3 (CrashLoopBackOff: unknown flag)"}, state: model.StateDegraded,
			do:   func() error { return w.sim.CrashPod("prod-cp-3", "kube-scheduler", "unknown flag") },
			undo: func() error { return w.reboot("prod-cp-3") },
		},
		{
			ill:  model.Condition{Type: "EtcdHealthy", Status: model.ConditionFalse, Reason: "MembersNotHealthy"},
			well: model.Condition{Type: "EtcdHealthy", Status: model.ConditionTrue, Reason: "AllHealthy"},
			says: []string{"2 of 3 voting members are healthy, and 2 are needed", "prod-cp-2 (etcd of node prod-cp-2: "}, state: model.StateDegraded,
			do:   func() error { return w.sim.CrashPod("prod-cp-2", "etcd", "the database is damaged") },
			undo: func() error { return w.reboot("prod-cp-2") },
		},
	} {
		w.eventuallyCondition(w.engine(), spec, secrets, c.well)
		w.must(c.do())
		got, status := w.eventuallyCondition(w.engine(), spec, secrets, c.ill)
		for _, part := range c.says {
			if !strings.Contains(got.Message, part) {
				t.Errorf("%s says %q, without %q", got.Type, got.Message, part)
			}
		}
		if status.Health != model.Unhealthy || status.State != c.state {
			t.Errorf("with %+v the cluster is %s and %s", got, status.Health, status.State)
		}
		w.must(c.undo())
		if _, status = w.eventuallyCondition(w.engine(), spec, secrets, c.well); status.Health == model.Unknown {
			t.Errorf("the health is unknown: %+v", status.Conditions)
		}
	}
	w.until("all is well", func(ctx context.Context) bool {
		status, _, err := w.engine().Status(ctx, spec, secrets)
		return err == nil && status.Health == model.Healthy && status.State == model.StateRunning
	})
}

// reboot turns a machine off and on.
func (w *world) reboot(vm string) error {
	return errors.Join(w.sim.PowerOffVM(vm), w.sim.PowerOnVM(vm))
}

// TestAnApplyEndsWithWhatTheNextRefreshSays has static pods take long to become Ready: what
// the apply reports at its end is what stays.
func TestAnApplyEndsWithWhatTheNextRefreshSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{PodDelay: 700 * time.Millisecond})
	spec, secrets, out := w.applied(w.withNetwork(1, 0))
	same := func(what string, reported *model.Status) {
		t.Helper()
		refreshed, _, err := w.engine().Status(t.Context(), spec, secrets)
		w.must(err)
		if reported.Health != model.Healthy || !slices.Equal(reported.Conditions, refreshed.Conditions) {
			t.Errorf("%s ended with %+v, and the refresh says %+v", what, reported.Conditions, refreshed.Conditions)
		}
	}
	same("the creation", out.Status)
	w.powerOff("prod-cp-1")
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	same("the power-on", out.Status)
}

// closedKube is a cluster's API through which something cannot be asked.
type closedKube struct {
	model.Kube
	nodes, ready, etcd error
}

func (k closedKube) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return closedAPI{api, k}, err
}

type closedAPI struct {
	model.API
	kube closedKube
}

func (a closedAPI) Nodes(ctx context.Context) ([]model.KubeNode, error) {
	if a.kube.nodes != nil {
		return nil, a.kube.nodes
	}
	return a.API.Nodes(ctx)
}

func (a closedAPI) Ready(ctx context.Context) error {
	if a.kube.ready != nil {
		return a.kube.ready
	}
	return a.API.Ready(ctx)
}

func (a closedAPI) ControlPlane(ctx context.Context) (model.ControlPlane, error) {
	found, err := a.API.ControlPlane(ctx)
	if a.kube.etcd != nil {
		found.Etcd = model.Etcd{Asked: true, Error: a.kube.etcd}
	}
	return found, err
}

// TestRefreshFindsWhatCannotBeAsked closes one way after the other: each is a finding, and
// no refresh fails.
func TestRefreshFindsWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	refused := errors.New("the port-forward is refused")
	unready := fmt.Errorf("%w: [-]etcd failed", model.ErrNotReady)
	for name, c := range map[string]struct {
		kube   closedKube
		tags   bool // may not be read
		want   model.Condition
		health model.Health
	}{
		"the members of etcd": {kube: closedKube{etcd: refused}, health: model.Healthy,
			want: model.Condition{Type: "EtcdHealthy", Status: model.ConditionUnknown, Reason: "MembersUnknown", Message: refused.Error()}},
		"an API that answers and is not ready": {kube: closedKube{ready: unready}, health: model.Unhealthy,
			want: model.Condition{Type: "APIReady", Status: model.ConditionFalse, Reason: "NotReady", Message: unready.Error()}},
		"an API that fails and is not ready": {kube: closedKube{nodes: refused, ready: unready}, health: model.Unhealthy,
			want: model.Condition{Type: "APIReady", Status: model.ConditionFalse, Reason: "NotReady", Message: unready.Error()}},
		"an API that is not reached": {kube: closedKube{nodes: model.ErrNotReached, ready: unready}, health: model.Unknown,
			want: model.Condition{Type: "APIReady", Status: model.ConditionUnknown, Reason: "Unreachable",
				Message: "The API does not answer from here."}},
		"the zone tags": {tags: true, health: model.Healthy,
			want: model.Condition{Type: "ZonesMatch", Status: model.ConditionUnknown, Reason: "TagsNotReadable"}},
	} {
		e := w.engine()
		c.kube.Kube = e.Kube
		e.Kube = c.kube
		if c.tags {
			w.must(w.sim.AddFault(simulator.Fault{
				Kind: simulator.RefuseCall, Call: "POST tag-association?list-attached-tags-on-objects", Fault: "unauthorized", Times: -1,
			}))
		}
		status, _, err := e.Status(t.Context(), spec, secrets)
		w.must(err)
		got := statusCondition(t, status, c.want.Type)
		if c.tags {
			if !strings.Contains(got.Message, "System.Read") {
				t.Errorf("%s: %q", name, got.Message)
			}
			got.Message = ""
			w.sim.ClearFaults()
		}
		if got != c.want || status.Health != c.health || status.State != model.StateRunning && c.health != model.Unhealthy {
			t.Errorf("%s: %+v, %s, %s", name, got, status.Health, status.State)
		}
	}
}
