package plan_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// well are the checks of a control plane of which everything works.
func well(f *model.Facts) *model.HealthChecks {
	checks := &model.HealthChecks{Zones: map[string]model.Zone{}}
	for _, m := range f.Machines {
		checks.Zones[m.Ref] = model.Zone{Region: "north", Zone: "a"}
		if !m.Marker.ControlPlane() {
			continue
		}
		for _, component := range model.ControlPlaneComponents() {
			checks.ControlPlane.Pods = append(checks.ControlPlane.Pods,
				model.ControlPlanePod{Node: m.Marker.Node, Component: component, Ready: true})
		}
		etcd := &checks.ControlPlane.Etcd
		etcd.Members = append(etcd.Members, model.EtcdMember{ID: uint64(len(etcd.Members) + 1), Name: m.Marker.Node})
		etcd.Asked = len(etcd.Members) > 1
	}
	return checks
}

// relabel gives a node another label.
func relabel(f *model.Facts, name, label, value string) {
	n := f.API.Nodes[name]
	n.Labels = map[string]string{label: value}
	f.API.Nodes[name] = n
}

func TestStatusJudgesChecks(t *testing.T) {
	t.Parallel()
	failed := errors.New("it is refused")
	forbidden := errors.Join(failed, model.ErrPermission)
	type checks = model.HealthChecks
	members := func(c *checks) []model.EtcdMember { return c.ControlPlane.Etcd.Members }
	for name, c := range map[string]struct {
		count     int // of control-plane nodes; 0: three
		facts     func(*model.Facts)
		checks    func(*checks)
		state     model.State
		health    model.Health
		condition model.Condition
	}{
		"all pods are Ready": {state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "ControlPlaneHealthy", Status: isTrue, Reason: "AllReady"}},
		"all members are healthy": {state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "EtcdHealthy", Status: isTrue, Reason: "AllHealthy"}},
		"no node has a problem": {state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "NodesWithoutProblems", Status: isTrue, Reason: "NoneReported"}},
		"storage as asked": {checks: func(c *checks) { c.Storage = map[string]model.StorageCompliance{"c-cp-1": model.StorageCompliant} },
			state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "StorageCompliant", Status: isTrue, Reason: "AllCompliant"}},
		"storage not as asked": {checks: func(c *checks) {
			c.Storage = map[string]model.StorageCompliance{
				"c-cp-1": model.StorageUnknown, "c-cp-2": model.StorageNotCompliant, "c-cp-3": model.StorageOutOfDate,
			}
		}, state: model.StateRunning, health: model.Healthy, condition: model.Condition{
			Type: "StorageCompliant", Status: model.ConditionFalse, Reason: "NotCompliant",
			Message: "Storage of these nodes is not as their storage policy asks: c-cp-2 (not compliant), c-cp-3 (out of date). " +
				"The vSphere Client says why, and applies a policy that has changed again.",
		}},
		"storage that was not checked": {checks: func(c *checks) {
			c.Storage = map[string]model.StorageCompliance{"c-cp-1": model.StorageUnknown, "c-cp-2": model.StorageCompliant}
		}, state: model.StateRunning, health: model.Healthy, condition: model.Condition{
			Type: "StorageCompliant", Status: model.ConditionUnknown, Reason: "NotChecked", Message: "vCenter has not checked c-cp-1.",
		}},
		"storage that may not be read": {checks: func(c *checks) { c.StorageError = failed }, state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "StorageCompliant", Status: model.ConditionUnknown, Reason: "NotReadable", Message: "it is refused"}},
		"labels and zones": {facts: func(f *model.Facts) { relabel(f, "c-w-1", model.LabelZone, "a") },
			state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "ZonesMatch", Status: isTrue, Reason: "AllMatch"}},
		"a pod crashes, and one is missing": {checks: func(c *checks) {
			c.ControlPlane.Pods[0].Ready, c.ControlPlane.Pods[0].Message = false, "CrashLoopBackOff: back-off"
			c.ControlPlane.Pods = slices.Delete(c.ControlPlane.Pods, 6, 7)
		}, state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "ControlPlaneHealthy", Status: isFalse, Reason: "PodsNotReady",
				Message: "Static pods that are not Ready: kube-apiserver on c-cp-1 (CrashLoopBackOff: back-off), " +
					"kube-scheduler on c-cp-2 (no pod)"}},
		"the pods are not known": {checks: func(c *checks) { *c = checks{ControlPlaneError: failed} },
			state: model.StateRunning, health: model.Unknown,
			condition: model.Condition{Type: "ControlPlaneHealthy", Status: unknown, Reason: "PodsUnknown", Message: "it is refused"}},
		"a node that has not joined has no pods yet": {facts: func(f *model.Facts) { unjoined(f, 1, true) },
			checks: func(c *checks) { c.ControlPlane.Pods = c.ControlPlane.Pods[4:] },
			state:  model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "ControlPlaneHealthy", Status: isTrue, Reason: "AllReady"}},
		"members of all kinds": {checks: func(c *checks) {
			members(c)[0].Error = "etcd of node c-cp-1: no answer within 5s"
			members(c)[1].Learner = true
			c.ControlPlane.Etcd.Members = append(members(c), model.EtcdMember{ID: 10, Name: "c-cp-9"},
				model.EtcdMember{ID: 11, Learner: true, Error: "it has never started"})
		}, state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "EtcdHealthy", Status: isFalse, Reason: "MembersNotHealthy",
				Message: "2 of 3 voting members are healthy, and 2 are needed. Not well: " +
					"c-cp-1 (etcd of node c-cp-1: no answer within 5s), c-cp-2 (a learner, which does not vote yet), " +
					"c-cp-9 (no node carries it), member b (added, and never started)"}},
		"a node is no member": {checks: func(c *checks) { c.ControlPlane.Etcd.Members = members(c)[1:] },
			state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "EtcdHealthy", Status: isFalse, Reason: "MembersNotHealthy",
				Message: "2 of 2 voting members are healthy, and 2 are needed. Not well: c-cp-1 (not a member)"}},
		"etcd cannot be asked": {checks: func(c *checks) { c.ControlPlane.Etcd = model.Etcd{Asked: true, Error: failed} },
			state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "EtcdHealthy", Status: unknown, Reason: "MembersUnknown", Message: "it is refused"}},
		"a single member": {count: 1, state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "EtcdHealthy", Status: isTrue, Reason: "SingleMember",
				Message: "Its single member is not asked: the API answers only while that serves."}},
		"problems of nodes": {facts: func(f *model.Facts) {
			f.API.Nodes["c-w-1"] = model.KubeNode{Name: "c-w-1", Ready: true, Problems: []string{"DiskPressure: full", "PIDPressure"}}
		}, state: model.StateRunning, health: model.Unhealthy,
			condition: model.Condition{Type: "NodesWithoutProblems", Status: isFalse, Reason: "ProblemsReported",
				Message: "Problems of nodes: c-w-1 (DiskPressure: full, PIDPressure)"}},
		"labels of other zones and regions": {facts: func(f *model.Facts) {
			relabel(f, "c-w-1", model.LabelZone, "b")
			relabel(f, "c-cp-1", model.LabelRegion, "south")
		}, state: model.StateRunning, health: model.Unhealthy,
			condition: model.Condition{Type: "ZonesMatch", Status: isFalse, Reason: "LabelsDiffer",
				Message: "Nodes that are not where their labels say: c-cp-1 (labelled region south, and its VM is in north), " +
					"c-w-1 (labelled zone b, and its VM is in a)"}},
		"labels, and a zone without a tag": {facts: func(f *model.Facts) { relabel(f, "c-w-1", model.LabelZone, "b") },
			checks: func(c *checks) { c.Zones = map[string]model.Zone{"vm-c-w-1": {Region: "north"}} },
			state:  model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "ZonesMatch", Status: isTrue, Reason: "AllMatch"}},
		"tags that may not be read": {checks: func(c *checks) { c.Zones, c.ZonesError = nil, forbidden },
			state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "ZonesMatch", Status: unknown, Reason: "TagsNotReadable", Message: forbidden.Error()}},
		"tags that could not be read": {checks: func(c *checks) { c.Zones, c.ZonesError = nil, failed },
			state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "ZonesMatch", Status: unknown, Reason: "TagsUnknown", Message: "it is refused"}},
		"an API that is not ready": {facts: func(f *model.Facts) { unreachable(f) },
			checks: func(c *checks) { *c = checks{NotReady: failed} },
			state:  model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "APIReady", Status: isFalse, Reason: "NotReady", Message: "it is refused"}},
		"members of an API that does not answer": {facts: func(f *model.Facts) { unreachable(f) }, checks: func(c *checks) { *c = checks{} },
			state: model.StateRunning, health: model.Unknown,
			condition: model.Condition{Type: "EtcdHealthy", Status: unknown, Reason: "APIUnknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			count := max(c.count, 1)
			if c.count == 0 {
				count = 3
			}
			f := running(count, 1)
			if c.facts != nil {
				c.facts(f)
			}
			checks := well(f)
			if c.checks != nil {
				c.checks(checks)
			}
			got := plan.Status(small(count, 1), f, checks, today)
			if got.State != c.state || got.Health != c.health {
				t.Errorf("%s, %s", got.State, got.Health)
			}
			if !slices.Contains(got.Conditions, c.condition) {
				t.Errorf("conditions %+v", got.Conditions)
			}
		})
	}
}
