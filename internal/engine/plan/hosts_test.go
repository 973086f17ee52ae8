package plan_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// hosts are those of the control plane's and of the workers' placements.
func setHosts(l *model.Limits, hosts ...model.Host) {
	for ref, resolved := range l.Site.Placements {
		resolved.Hosts = hosts
		l.Site.Placements[ref] = resolved
	}
}

func host(name string, change ...func(*model.Host)) model.Host {
	h := model.Host{Name: name, Datastore: true, Network: true, Threads: 32, CoreMHz: 2000, MemoryGB: 256}
	for _, f := range change {
		f(&h)
	}
	return h
}

func noDatastore(h *model.Host) { h.Datastore = false }
func noNetwork(h *model.Host)   { h.Network = false }
func maintenance(h *model.Host) { h.Down = "is in maintenance mode" }

func TestCheckWantsHostsThatReachDatastoreAndNetwork(t *testing.T) {
	t.Parallel()
	on := func(name model.FieldName) model.Field {
		return model.PlacementRef{NodePool: model.ControlPlanePool}.Field(name)
	}
	for name, c := range map[string]struct {
		hosts   []model.Host
		problem model.FieldName // on which there is one
		warning model.FieldName
		says    []string
	}{
		"all reach both":   {hosts: []model.Host{host("a"), host("b"), host("c")}},
		"nothing is known": {},
		"none has the datastore": {
			hosts:   []model.Host{host("a", noDatastore), host("b", noDatastore)},
			problem: model.FieldDatastore,
			says:    []string{"a does not reach the datastore, b does not reach the datastore", `datastore "datastore"`, `network "network"`},
		},
		"none has the network": {
			hosts:   []model.Host{host("a", noNetwork), host("b", noNetwork)},
			problem: model.FieldNetwork, says: []string{"a does not reach the network"},
		},
		"each lacks another": {
			hosts:   []model.Host{host("a", noNetwork), host("b", noDatastore)},
			problem: model.FieldComputeCluster,
			says:    []string{"a does not reach the network, b does not reach the datastore"},
		},
		"none reaches either": {
			hosts:   []model.Host{host("a", noNetwork, noDatastore)},
			problem: model.FieldDatastore, says: []string{"a reaches neither"},
		},
		"the only one that would is in maintenance mode": {
			hosts:   []model.Host{host("a", noNetwork), host("b", maintenance)},
			problem: model.FieldNetwork, says: []string{"b is in maintenance mode"},
		},
		"one of four lacks the datastore": {
			hosts:   []model.Host{host("a"), host("b"), host("c"), host("d", noDatastore)},
			warning: model.FieldDatastore, says: []string{"on 3 of 4 hosts", "d does not reach the datastore"},
		},
		"one of four is in maintenance mode": {hosts: []model.Host{host("a"), host("b"), host("c"), host("d", maintenance)}},
		"two for three control-plane nodes": {
			hosts:   []model.Host{host("a"), host("b"), host("c", maintenance)},
			warning: model.FieldComputeCluster, says: []string{"2 hosts", "3 nodes", "c is in maintenance mode"},
		},
		"none is up": {hosts: []model.Host{host("a", maintenance)}}, // the compute cluster's finding says so
	} {
		s := small(3, 2)
		l := limitsFor(s, 100)
		setHosts(l, c.hosts...)
		p := checked(s, &model.Facts{}, l)
		check := func(what string, found []model.Finding, field model.FieldName) {
			if (field == "") != (len(found) == 0) || field != "" && (len(found) != 1 || found[0].Fields[0] != on(field)) {
				t.Errorf("%s: %s %v, want one on %q", name, what, found, field)
				return
			}
			for _, text := range c.says {
				if field != "" && !strings.Contains(found[0].Detail, text) {
					t.Errorf("%s: %q does not say %q", name, found[0].Detail, text)
				}
			}
		}
		check("problems", p.Problems, c.problem)
		check("warnings", p.Warnings, c.warning)
		if p := checked(s, running(3, 2), l); len(p.Problems)+len(p.Warnings) > 0 {
			t.Errorf("%s: no node is built, and there are findings: %+v", name, p.Findings)
		}
	}
}

// Placements that differ in nothing that matters are told once, with all of them.
func TestCheckTellsOfHostsOnce(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	l := limitsFor(s, 100)
	setHosts(l, host("a", noDatastore))
	p := checked(s, &model.Facts{}, l)
	if len(p.Problems) != 1 || len(p.Problems[0].Fields) != 2 {
		t.Errorf("problems %+v", p.Problems)
	}
}

func TestCheckListsFewHosts(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	l := limitsFor(s, 100)
	var hosts []model.Host
	for range 64 {
		hosts = append(hosts, host("esx", noDatastore))
	}
	setHosts(l, hosts...)
	p := checked(s, &model.Facts{}, l)
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, "and 54 more") || len(p.Problems[0].Detail) > 1000 {
		t.Errorf("problems %+v", p.Problems)
	}
}
