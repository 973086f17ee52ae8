package plan_test

import (
	"fmt"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

var encryptionField = model.ClusterField(model.FieldEncryption)

// sealed has the control plane of running facts built with keys, and etcd written with the
// versions.
func sealed(f *model.Facts, keys model.EncryptionKeys, stored ...int) *model.Facts {
	for i, m := range f.Machines {
		if m.Marker.ControlPlane() {
			f.Machines[i].Marker.EncryptionKeys = keys
		}
	}
	f.Record.EncryptionKeys = stored
	return f
}

// keysOf lists the nodes that a plan creates with their keys.
func keysOf(p *model.Plan) string {
	var list string
	for _, step := range p.Steps() {
		if node, ok := step.(model.CreateNode); ok {
			list += fmt.Sprintf("%s:%s ", node.Node, node.EncryptionKeys)
		}
	}
	return list
}

func TestTheKeyOfSecretsIsChangedByTwoRolls(t *testing.T) {
	t.Parallel()
	const twice = "create_node c-cp-2, delete_node c-cp-1, create_node c-cp-3, delete_node c-cp-2, rewrite_secrets c"
	for name, c := range map[string]struct {
		version int
		facts   *model.Facts
		change  func(*model.ClusterSpec)
		steps   string
		keys    string
	}{
		"set for the first time": {1, running(1, 1), nil, twice, "c-cp-2:0,1 c-cp-3:1,0 "},
		"raised":                 {2, sealed(running(1, 1), "1", 1), nil, twice, "c-cp-2:1,2 c-cp-3:2,1 "},
		// The second roll of the change before has left the old key.
		"raised again": {3, sealed(running(1, 1), "2,1", 2), nil, twice, "c-cp-2:2,3 c-cp-3:3,2 "},
		"raised before the other change has ended": {3, sealed(running(1, 1), "2,1", 1, 2), nil, twice, "c-cp-2:2,3,1 c-cp-3:3,2,1 "},
		"three nodes": {2, sealed(running(3, 0), "1", 1), func(s *model.ClusterSpec) { s.ControlPlane.Count = 3; s.Workers[0].Count = 0 },
			"create_node c-cp-4, delete_node c-cp-1, create_node c-cp-5, delete_node c-cp-2, create_node c-cp-6, delete_node c-cp-3, " +
				"create_node c-cp-7, delete_node c-cp-4, create_node c-cp-8, delete_node c-cp-5, create_node c-cp-9, delete_node c-cp-6, " +
				"rewrite_secrets c", "c-cp-4:1,2 c-cp-5:1,2 c-cp-6:1,2 c-cp-7:2,1 c-cp-8:2,1 c-cp-9:2,1 "},
		"with an upgrade": {
			2, sealed(running(1, 1), "1", 1), func(s *model.ClusterSpec) { s.ControlPlane.CPU = 8 }, twice, "c-cp-2:1,2 c-cp-3:2,1 ",
		},
		"grown at once": {2, sealed(running(1, 1), "1", 1), func(s *model.ClusterSpec) { s.ControlPlane.Count = 3 },
			"create_node c-cp-2, create_node c-cp-3, create_node c-cp-4, delete_node c-cp-1, create_node c-cp-5, delete_node c-cp-2, " +
				"create_node c-cp-6, delete_node c-cp-3, create_node c-cp-7, delete_node c-cp-4, rewrite_secrets c",
			"c-cp-2:1,2 c-cp-3:1,2 c-cp-4:1,2 c-cp-5:2,1 c-cp-6:2,1 c-cp-7:2,1 "},
		"all nodes read it": {
			2, sealed(running(1, 1), "1,2", 1), nil, "create_node c-cp-2, delete_node c-cp-1, rewrite_secrets c", "c-cp-2:2,1 ",
		},
		"all nodes write it": {2, sealed(running(1, 1), "2,1", 1, 2), nil, "rewrite_secrets c", ""},
		"done":               {2, sealed(running(1, 1), "2,1", 2), nil, "", ""},
		// The old key goes with the next roll, whatever that is for.
		"rolled after that": {2, sealed(running(1, 1), "2,1", 2), func(s *model.ClusterSpec) { s.ControlPlane.CPU = 8 },
			"create_node c-cp-2, delete_node c-cp-1", "c-cp-2:2 "},
		"rolled before that": {2, sealed(running(1, 1), "2,1", 1, 2), func(s *model.ClusterSpec) { s.ControlPlane.CPU = 8 },
			"create_node c-cp-2, delete_node c-cp-1, rewrite_secrets c", "c-cp-2:2,1 "},
		"created":                  {1, &model.Facts{}, nil, "", "c-cp-1:1 c-w-1: "},
		"created in clear":         {0, &model.Facts{}, nil, "", "c-cp-1: c-w-1: "},
		"a marker that was edited": {2, sealed(running(1, 1), "x", 1), nil, twice, "c-cp-2:1,2 c-cp-3:2,1 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(1, 1)
			s.EncryptionVersion = c.version
			if c.change != nil {
				c.change(s)
			}
			p := planned(s, c.facts.PlanInputs())
			if c.facts.Record.Found {
				wantSteps(t, p, c.steps)
			}
			if got := keysOf(p); got != c.keys {
				t.Errorf("keys %s, want %s", got, c.keys)
			}
		})
	}
}

func TestTheWorkersAreNotRolledForAKey(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	s.EncryptionVersion = 1
	p := checked(s, running(1, 2), limitsFor(s, 20))
	wantSteps(t, p, "create_node c-cp-2, delete_node c-cp-1, create_node c-cp-3, delete_node c-cp-2, rewrite_secrets c")
	if !says(p.Warnings, "rolled twice", "c-cp-1 by nodes that read it", "then c-cp-2 by nodes that write with it", "encryption_at_rest") {
		t.Errorf("warnings %v", p.Warnings)
	}
}

// The second roll takes no address beyond the one that is kept for rolling.
func TestAKeyIsChangedInAFullPool(t *testing.T) {
	t.Parallel()
	s := small(3, 0)
	s.EncryptionVersion = 1
	p := checked(s, running(3, 0), change(limitsFor(s, 5), poolID, func(p *model.IPPool) { p.Taken = 5 }))
	if err := p.Err(); err != nil {
		t.Error(err)
	}
}

func TestOfANodeThatIsNotSeenNoKeyIsKnown(t *testing.T) {
	t.Parallel()
	s := small(3, 0)
	s.EncryptionVersion = 2
	f := sealed(running(3, 0), "1,2", 1)
	f.Machines = f.Machines[1:]
	f.Unseen = []model.UnseenMachine{{KnownMachine: model.KnownMachine{Node: "c-cp-1"}}}
	wantSteps(t, planned(s, f), "") // postponed

	f = sealed(running(3, 0), "2,1", 1, 2)
	f.Machines = f.Machines[1:]
	f.Unseen = []model.UnseenMachine{{KnownMachine: model.KnownMachine{Node: "c-cp-1"}}}
	wantSteps(t, planned(s, f), "") // it may write with another key yet
}

func TestEncryptionIsNeitherLoweredNorSwitchedOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version int
		facts   *model.Facts
		words   []string
	}{
		"lowered":                      {1, sealed(running(1, 0), "2", 2), []string{"cannot be lowered", "at least 2"}},
		"lowered before a node has it": {1, sealed(running(1, 0), "1,2", 1), []string{"cannot be lowered", "at least 2"}},
		"switched off":                 {0, sealed(running(1, 0), "1", 1), []string{"cannot be switched off", "at least 1"}},
		"after its nodes are gone":     {1, sealed(running(1, 0), "1", 1, 3), []string{"cannot be lowered", "at least 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(1, 0)
			s.EncryptionVersion = c.version
			if p := planned(s, c.facts); !says(on(p.Problems, encryptionField), c.words...) {
				t.Errorf("problems %v", p.Problems)
			}
		})
	}
	// What was never begun can be taken back, and so can what was never created.
	s := small(1, 0)
	s.EncryptionVersion = 1
	for _, f := range []*model.Facts{sealed(running(1, 0), "1", 1), {}} {
		if p := planned(s, f); p.Err() != nil {
			t.Error(p.Err())
		}
	}
}

// A snapshot may be of before any change of the key.
func TestARestoredControlPlaneReadsWhatASnapshotMayHold(t *testing.T) {
	t.Parallel()
	for name, recorded := range map[string][]int{"recorded": {2}, "lost": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(3, 0)
			s.EncryptionVersion = 2
			s.Reset = "snapshot"
			s.Restore = &model.Restore{}
			f := sealed(running(3, 0), "2", recorded...)
			for _, node := range []string{"c-cp-1", "c-cp-2", "c-cp-3"} {
				lose(f, node)
				delete(f.API.Nodes, node)
			}
			f.API = model.APIFacts{Asked: true, Error: "no answer"}
			p := planned(s, f)
			if got := keysOf(p); got != "c-cp-4:2,1,0 c-cp-5:2,1,0 c-cp-6:2,1,0 " {
				t.Errorf("keys %s", got)
			}
			if steps := p.Steps(); len(steps) == 0 || steps[len(steps)-1] != (model.RewriteSecrets{Cluster: "c", Version: 2}) {
				t.Errorf("steps %s", names(p))
			}
		})
	}
}

func TestALostRecordSaysNothingOfKeys(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.EncryptionVersion = 2
	f := sealed(running(1, 0), "2,1", 2)
	f.Record = model.Record{}
	wantSteps(t, planned(s, f), "create_record c, rewrite_secrets c")
}
