package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

var (
	builtThen = model.BuiltWith{SSHKeys: "k1", NTPServers: "n1", Proxy: "p1"}
	wantedNow = model.BuiltWith{SSHKeys: "k2", NTPServers: "n2", Proxy: "p2"}
)

// since has all nodes built with other values than the spec's.
func since(f *model.Facts) *model.Facts {
	for i := range f.Machines {
		f.Machines[i].Marker.BuiltWith = builtThen
	}
	return f
}

func TestChangedKeysServersAndProxyRollAllNodes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		now  model.BuiltWith
		word string
	}{
		"keys":    {model.BuiltWith{SSHKeys: "k2", NTPServers: "n1", Proxy: "p1"}, "ssh_authorized_keys"},
		"servers": {model.BuiltWith{SSHKeys: "k1", NTPServers: "n2", Proxy: "p1"}, "ntp_servers"},
		"proxy":   {model.BuiltWith{SSHKeys: "k1", NTPServers: "n1", Proxy: "p2"}, "proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(1, 2)
			s.BuiltWith = c.now
			p := planned(s, since(running(1, 2)))
			wantSteps(t, p, "create_node c-cp-2, delete_node c-cp-1, create_node c-w-3, delete_node c-w-1, create_node c-w-4, delete_node c-w-2")
			if !says(p.Warnings, `Worker pool "w" is rolled`, "Differs from the configuration: "+c.word+".") ||
				!says(p.Warnings, "The control plane is rolled", "Differs from the configuration: "+c.word+".", "c-cp-1") {
				t.Errorf("warnings %v", p.Warnings)
			}
		})
	}
}

// The rollout needs an address to spare, like any other.
func TestRolloutForOtherKeysCountsInTheBudget(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.BuiltWith = wantedNow
	f := since(running(1, 1))
	l := change(limitsFor(s, 4), poolID, func(p *model.IPPool) { p.Taken = 4 })
	if p := checked(s, f, l); !says(p.Problems, "The IP pool is too small", "1 for rolling worker pool w") {
		t.Errorf("problems %v", p.Problems)
	}
}

// A gateway of one node is rolled, too.
func TestChangedKeysRollAGateway(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.Kind = record.KindGateway
	s.BuiltWith = wantedNow
	f := since(running(1, 0))
	p := planned(s, f)
	wantSteps(t, p, "create_node c-cp-2, delete_node c-cp-1")
	wantWarnings(t, p, 1)
	status := plan.Status(s, f, nil, today)
	want := model.Condition{Type: "ControlPlaneUpToDate", Status: isFalse, Reason: "Outdated",
		Message: "Control-plane nodes that differ from the configuration, and that the next apply replaces: " +
			"c-cp-1 (ssh_authorized_keys, ntp_servers, proxy)"}
	if !slices.Contains(status.Conditions, want) {
		t.Errorf("conditions %+v", status.Conditions)
	}
	if status.State != model.StateRunning || status.Health != model.Healthy {
		t.Errorf("%s, %s: nothing is broken", status.State, status.Health)
	}
}

// A rollout has stopped, and the condition names what is left.
func TestConditionNamesTheControlPlaneNodesThatAreOutdated(t *testing.T) {
	t.Parallel()
	s := small(3, 0)
	s.Image.Template = "node-2"
	s.BuiltWith = wantedNow
	f := since(running(3, 0))
	f.Machines[1].Marker.BuiltWith = wantedNow
	f.Machines[2].Marker.BuiltWith = model.BuiltWith{}
	f.Machines[2].Marker.Template = "node-2"
	want := model.Condition{Type: "ControlPlaneUpToDate", Status: isFalse, Reason: "Outdated",
		Message: "Control-plane nodes that differ from the configuration, and that the next apply replaces: " +
			"c-cp-1 (image, ssh_authorized_keys, ntp_servers, proxy), c-cp-2 (image)"}
	if got := plan.Status(s, f, nil, today).Conditions; !slices.Contains(got, want) {
		t.Errorf("conditions %+v", got)
	}
}

func TestNothingIsRolledWhereNothingWasChanged(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.BuiltWith = builtThen
	f := since(running(1, 1))
	p := planned(s, f)
	wantSteps(t, p, "")
	wantWarnings(t, p, 0)
	upToDate := model.Condition{Type: "ControlPlaneUpToDate", Status: isTrue, Reason: "AllUpToDate"}
	if got := plan.Status(s, f, nil, today); !slices.Contains(got.Conditions, upToDate) {
		t.Errorf("conditions %+v", got.Conditions)
	}
}
