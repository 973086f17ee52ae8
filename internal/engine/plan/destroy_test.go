package plan_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// destroyed plans the destruction with nothing against it but the facts.
func destroyed(f *model.Facts) *model.Plan {
	return plan.Destroy(small(1, 0).Target(), f, &model.Limits{})
}

func TestDestroyReleasesAddressesAfterTheVMsAreGone(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	f.Record.Folders = []record.Folder{{Path: "k8s"}, {Path: "k8s/c"}}
	claim(f, poolID, "c-w-9")
	p := destroyed(f)
	wantSteps(t, p, "delete_node c-w-1, delete_node c-w-2, delete_node c-cp-1, release_address c-w-9, release_endpoint c, "+
		"delete_folder k8s/c, delete_folder k8s, delete_record c")
	if got := stageNames(p); got != "nodes, addresses, folders, record" {
		t.Errorf("stages %s", got)
	}
	for _, s := range p.Stages {
		vms := s.Name == "nodes"
		if s.Parallel != (s.Name != "folders" && s.Name != "record") || s.Complete == vms || (s.OnFailure == model.Continue) != vms || s.Rollout {
			t.Errorf("stage %+v", s)
		}
	}
	for _, step := range p.Steps() {
		if gone, ok := step.(model.DeleteNode); ok && (gone.Drain || gone.Rollout != nil) {
			t.Errorf("there is nothing left to move pods to: %+v", gone)
		}
	}
	folder := stage(t, p, "folders").Steps[0].(model.DeleteFolder)
	if folder.Datacenter != "dc" {
		t.Errorf("deletes the folder in %q", folder.Datacenter)
	}
}

func TestDestroyLeavesTheRecordAndFoldersOfAnotherCluster(t *testing.T) {
	t.Parallel()
	f := running(1, 1)
	f.Record.ID = otherCluster
	f.Record.Folders = []record.Folder{{Path: "k8s"}}
	wantSteps(t, destroyed(f), "delete_node c-w-1, delete_node c-cp-1, release_endpoint c")
}

func TestDestroyOfWhatIsGoneHasNoSteps(t *testing.T) {
	t.Parallel()
	wantSteps(t, destroyed(&model.Facts{}), "")
}

func TestDestroyRefusesAGatewayInUse(t *testing.T) {
	t.Parallel()
	l := &model.Limits{Children: []record.Ref{{Kind: record.KindCluster, Name: "prod"}, {Kind: record.KindIPPool, Name: "nodes"}}}
	p := plan.Destroy(small(1, 0).Target(), running(1, 0), l)
	wantRefusal(t, p, nameField, `cluster "prod", IP pool "nodes"`)
}

func TestDestroyRefusesAGatewayWhoseIPPoolIsInUse(t *testing.T) {
	t.Parallel()
	own := ipPool(poolID, 10)
	f := running(1, 0)
	f.OwnIPPool = model.OwnIPPool{ID: poolID, Registered: true, Record: own.Record}
	s := small(1, 0)
	s.OwnIPPool = &own.Record
	l := limitsFor(s, 10)
	change(l, poolID, func(p *model.IPPool) { p.Taken = 3 })
	wantSteps(t, plan.Destroy(s.Target(), f, l), "delete_node c-cp-1, release_endpoint c, delete_ip_pool pool, delete_record c")

	change(l, poolID, func(p *model.IPPool) { p.Taken = 5 })
	l.Held = []model.Holding{
		{IPPool: poolID, Address: netip.MustParseAddr("10.10.128.9"), Cluster: otherCluster, Node: "d-w-1"},
		{IPPool: poolID, Address: netip.MustParseAddr("10.10.128.8"), Cluster: clusterID, Node: "c-cp-1"},
		{IPPool: otherPoolID, Address: netip.MustParseAddr("10.10.128.7"), Cluster: otherCluster, Node: "d-w-2"},
	}
	wantRefusal(t, plan.Destroy(s.Target(), f, l), nameField,
		`2 addresses of IP pool "pool"`, "held by others: 10.10.128.9 (d-w-1 of cluster "+otherCluster.String()+"). Delete")

	change(l, poolID, func(p *model.IPPool) { *p = model.IPPool{ID: poolID, Damage: errors.New("a broken tag")} })
	wantRefusal(t, plan.Destroy(s.Target(), f, l), nameField, "a broken tag", "is not known")
}

func TestDestroyRefusesAVMThatCannotBeReadOnlyWhereItMayBeItsOwn(t *testing.T) {
	t.Parallel()
	f := running(1, 0)
	f.Unreadable = []string{"cc-w-1", "other", "c-x-1", "w1"}
	wantSteps(t, destroyed(f), "delete_node c-cp-1, release_endpoint c, delete_record c")
	for _, own := range []string{"c-w-1", "c-cp-7", "c-lb"} {
		f.Unreadable = []string{own}
		wantRefusal(t, destroyed(f), nameField, `"`+own+`"`)
	}
	f.Record = model.Record{}
	f.Unreadable = []string{"c-x-1"} // of a pool that nothing knows
	wantRefusal(t, destroyed(f), nameField, `"c-x-1"`)
}

// TestDestroyRefusesAVMThatCannotBeReadByItsTemplate has names that do not begin with that of the
// cluster: by the present template, by a former one, and by none, of a VM that was known.
func TestDestroyRefusesAVMThatCannotBeReadByItsTemplate(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.NameTemplate = "k1{pool}{n}"
	s.Known = []model.KnownMachine{{Node: "named-by-none", Ref: "VirtualMachine:vm-7"}}
	f := running(1, 0)
	f.Record.NameTemplates = []record.NameTemplate{{}, {Template: "k1{pool}{n}", From: map[string]int{"w": 3}}}
	f.Record.Counters["w"] = 5
	lost := running(0, 0)
	lost.Record = model.Record{}
	for name, own := range map[string][2]bool{ // with the record, and without
		"k1w4":          {true, true},
		"c-w-2":         {true, true},
		"k1w2":          {false, true}, // that ordinal has another template
		"k1web3":        {false, true},
		"k1lb":          {false, true},
		"named-by-none": {true, true},
		"other":         {false, false},
	} {
		for i, facts := range []*model.Facts{f, lost} {
			facts.Unreadable = []string{name}
			refused := len(plan.Destroy(s.Target(), facts, &model.Limits{}).Problems) > 0
			if refused != own[i] {
				t.Errorf("%s, %d: refused: %t", name, i, refused)
			}
			hidden := plan.Unproven(s.Target(), facts, false).Unseen
			if len(hidden) > 0 != own[i] {
				t.Errorf("%s, %d: counts as not seen: %v", name, i, hidden)
			}
		}
	}
	lost.Unreadable = []string{"k1cp1"} // it may serve with the endpoint's addresses
	claim(lost, poolID, model.OwnerVIP)
	if p, _ := plan.Force(s.Target(), plan.Unproven(s.Target(), lost, false), nil); names(p) != "" {
		t.Errorf("of a control plane that may serve goes %s", names(p))
	}
}
