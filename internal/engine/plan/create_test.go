package plan_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func TestCreationBuildsTheControlPlaneInSeriesAndWorkersInParallel(t *testing.T) {
	t.Parallel()
	p := planned(small(3, 2), &model.Facts{CAFingerprint: theCA})
	wantSteps(t, p, "create_record c, reserve_endpoint c, create_node c-cp-1, create_node c-cp-2, create_node c-cp-3, "+
		"apply_pack net, create_node c-w-1, create_node c-w-2")
	if got := stageNames(p); got != "record, endpoint, clones, control plane, pack net, workers" {
		t.Errorf("stages %s", got)
	}
	if s := stage(t, p, "control plane"); s.Parallel || s.OnFailure != model.Stop || len(s.Steps) != 3 {
		t.Errorf("etcd grows one member at a time: %+v", s)
	}
	if s := stage(t, p, "workers"); !s.Parallel || s.OnFailure != model.SkipRollouts || len(s.Steps) != 2 {
		t.Errorf("workers join together: %+v", s)
	}
	for _, step := range p.Steps() {
		if create, ok := step.(model.CreateNode); ok && create.First != (create.Node == "c-cp-1") {
			t.Errorf("%s first: %v", create.Node, create.First)
		}
	}
	if got := clones(p); got != "c-cp-1, c-cp-2, c-cp-3, c-w-1, c-w-2" {
		t.Errorf("cloned from the start: %s", got)
	}
}

// clones are the nodes whose VMs a plan makes ahead.
func clones(p *model.Plan) string {
	var names []string
	for _, s := range p.Stages {
		for _, node := range s.Clones {
			names = append(names, node.Node)
		}
	}
	return strings.Join(names, ", ")
}

// A cluster that grows while one of its nodes is replaced: what comes in that node's
// place has its turn later. Without an API nothing could join.
func TestClonesAheadAreOfNodesThatMayJoin(t *testing.T) {
	t.Parallel()
	s, f := small(3, 3), running(1, 2)
	f.Machines[1].Marker.CPU++
	if got := clones(planned(s, f)); got != "c-cp-2, c-cp-3, c-w-3" {
		t.Errorf("cloned from the start: %s", got)
	}
	f.API.Error = "it does not answer"
	if got := clones(planned(s, f)); got != "" {
		t.Errorf("cloned while the API does not answer: %s", got)
	}
}

func TestCreationOfAGatewayRegistersItsIPPoolAndCreatesItsFolder(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.Kind = record.KindGateway
	s.Folder = "k8s/c"
	own := ipPool(poolID, 10).Record
	s.OwnIPPool = &own
	f := &model.Facts{CAFingerprint: theCA}
	wantSteps(t, planned(s, f), "create_record c, create_ip_pool pool, create_folder k8s/c, reserve_endpoint c, "+
		"create_node c-cp-1, apply_pack net")

	f = running(1, 0)
	f.Record.Folder = "k8s/c"
	f.OwnIPPool = model.OwnIPPool{ID: poolID, Registered: true, Record: own}
	wantSteps(t, planned(s, f), "")
	f.OwnIPPool.Record.Nameservers = nil
	wantSteps(t, planned(s, f), "create_ip_pool pool")
}

// The steps of every stage, and what becomes of the stages after it.
func TestStagesSayWhatAFailureEnds(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	s.Packs = []model.Pack{{Name: "cni", Layer: model.LayerCNI}, {Name: "csi"}}
	x := nodePool("x", 1)
	x.CPU = 4
	s.Workers = append(s.Workers, x, nodePool("y", 0))
	s.Description = "billing"
	f := running(1, 1)
	join(f, nodePool("x", 1), 0, 1)
	join(f, nodePool("y", 1), 0, 1)
	f.API.ImportDataStored = false
	f.Claims = f.Claims[1:] // the VIP has to be reserved again
	claim(f, poolID, "c-w-7")
	for _, c := range []struct {
		name     string
		parallel bool
		rollout  bool
		policy   model.FailurePolicy
		steps    int
	}{
		{name: "endpoint", parallel: true, policy: model.Stop, steps: 1},
		{name: "cleanup", parallel: true, policy: model.Stop, steps: 1},
		{name: "workers", parallel: true, policy: model.SkipRollouts, steps: 1},
		{name: "scale in", parallel: true, policy: model.SkipRollouts, steps: 1},
		{name: "nodes in place", parallel: true, policy: model.SkipRollouts, steps: 1},
		{name: "description", policy: model.Continue, steps: 1},
		{name: "pack cni", policy: model.SkipRollouts, steps: 1},
		{name: "pack csi", policy: model.SkipRollouts, steps: 1},
		{name: "rollout of x", rollout: true, policy: model.SkipRollouts, steps: 2},
	} {
		got := stage(t, planned(s, f), c.name)
		if got.Parallel != c.parallel || got.Rollout != c.rollout || got.OnFailure != c.policy || len(got.Steps) != c.steps {
			t.Errorf("stage %s: %+v", c.name, got)
		}
	}
}

func TestPlanOfARunningClusterIsEmpty(t *testing.T) {
	t.Parallel()
	p := planned(small(3, 2), running(3, 2))
	wantSteps(t, p, "")
	wantWarnings(t, p, 0)
	if !p.Empty() {
		t.Error("a plan without steps is not empty")
	}
}

func TestPlanResumesAnIncompleteCreation(t *testing.T) {
	t.Parallel()
	f := running(1, 0)
	f.Record.APIReached = false
	f.API = model.APIFacts{}
	f.CAFingerprint = "sha256:another"
	s := small(1, 1)
	s.New = true
	p := planned(s, f)
	wantSteps(t, p, "create_record c, delete_node c-cp-1, create_node c-cp-1, apply_pack net, create_node c-w-1")
	if first, ok := p.Steps()[2].(model.CreateNode); !ok || !first.First {
		t.Errorf("%v does not initialise the control plane", p.Steps()[2])
	}
	// What has joined under the authorities of an earlier attempt is of no use either.
	wantSteps(t, planned(s, unreachable(f)), "create_record c, delete_node c-cp-1, create_node c-cp-1, apply_pack net, create_node c-w-1")
}

func TestPlanOfANewClusterRefusesACompleteOneOfItsName(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.New = true
	p := planned(s, running(1, 0))
	wantRefusal(t, p, nameField, "import it")
}

func TestPlanRefusesANameThatAnotherClusterHas(t *testing.T) {
	t.Parallel()
	f := running(1, 0)
	f.Record.ID = otherCluster
	p := planned(small(1, 0), f)
	wantRefusal(t, p, nameField, otherCluster.String())
}

func TestPlanRegistersAClusterAgainWhoseRecordIsMissing(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	f.Record = model.Record{}
	p := planned(small(1, 2), f)
	wantSteps(t, p, "create_record c")
	wantWarnings(t, p, 1)
}

func TestPlanWithoutRecordAndNodeObjectLeavesTheControlPlane(t *testing.T) {
	t.Parallel()
	f := running(3, 1)
	f.Record = model.Record{}
	delete(f.API.Nodes, "c-cp-2")
	p := planned(small(3, 1), f)
	wantSteps(t, p, "create_record c")
	wantWarnings(t, p, 2)
}

func TestPlanRefusesAuthoritiesThatAreNotTheClusters(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	f.CAFingerprint = "sha256:other"
	wantRefusal(t, planned(small(1, 2), f), nameField, "GANTRY_IMPORT_KUBECONFIG")
	f.CAFingerprint = ""
	wantRefusal(t, planned(small(1, 2), f), nameField, "GANTRY_IMPORT_KUBECONFIG")
}

func TestPlanClaimsALostVIPAgain(t *testing.T) {
	t.Parallel()
	f := running(1, 0)
	f.Unclaimed = f.Claims[:1]
	f.Claims = f.Claims[1:]
	wantSteps(t, planned(small(1, 0), f), "claim_address vip")
}

func TestPlanReleasesTheEndpointOfAnEarlierAttempt(t *testing.T) {
	t.Parallel()
	f := running(0, 0)
	f.Record.APIReached = false
	f.Record.CreationComplete = false
	f.API = model.APIFacts{}
	before := uuid.MustParse("11111111-2222-4333-8444-555555555555")
	claim(f, before, model.OwnerVIP)
	s := small(1, 0)
	s.New = true
	wantSteps(t, planned(s, f), "create_record c, release_address vip, create_node c-cp-1, apply_pack net")
}

func TestPlanStoresWhatImportNeeds(t *testing.T) {
	t.Parallel()
	f := running(1, 0)
	f.API.ImportDataStored = false
	wantSteps(t, planned(small(1, 0), f), "store_import_data c")
	f = running(1, 0)
	f.Record.CreationComplete = false
	wantSteps(t, planned(small(1, 0), f), "store_import_data c")
}

func TestPlanAppliesPacksThatDifferInTheirOrder(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.Packs = []model.Pack{{Name: "z", Manifests: []string{"a"}}, {Name: "a"}, {Name: "same"}}
	f := running(1, 0)
	f.API.Packs = map[string]model.AppliedPack{"z": {Hash: "before"}, "same": {Hash: s.Packs[2].Hash()}}
	wantSteps(t, planned(s, f), "apply_pack z, apply_pack a")
	f.API.Packs["gone"] = model.AppliedPack{Hash: "x"}
	if p := planned(s, f); !says(on(p.Problems, model.ClusterField(model.FieldPacks)), `"gone"`) {
		t.Errorf("problems %v", p.Problems)
	}
	wantSteps(t, planned(s, unreachable(f)), "")
}

func TestPlanOfFactsIsOfTheSpecAlone(t *testing.T) {
	t.Parallel()
	s := small(3, 2)
	s.New = true
	s.Folder = "k8s/c"
	p := plan.Cluster(s, &model.Facts{})
	if !strings.HasPrefix(names(p), "create_record c, create_folder k8s/c, reserve_endpoint c, create_node c-cp-1") || p.Err() != nil {
		t.Fatalf("got %s (%v)", names(p), p.Err())
	}
}

var nameField = model.ClusterField(model.FieldClusterName)

// wantRefusal expects one problem on a field and no steps.
func wantRefusal(t *testing.T, p *model.Plan, field model.Field, words ...string) {
	t.Helper()
	if len(p.Steps()) != 0 || len(p.Problems) != 1 || !says(on(p.Problems, field), words...) {
		t.Fatalf("got %q, %v", names(p), p.Problems)
	}
}

// TestPlanNeverDeletesAControlPlaneOfUnknownOrigin has VMs of a control plane that
// was up, other authorities in the state, and no record.
func TestPlanNeverDeletesAControlPlaneOfUnknownOrigin(t *testing.T) {
	t.Parallel()
	for name, isNew := range map[string]bool{"in a creation": true, "of a state": false} {
		f := unreachable(running(1, 1))
		f.Record = model.Record{}
		f.CAFingerprint = "sha256:other"
		s := small(1, 1)
		s.New = isNew
		p := planned(s, f)
		if !p.Empty() {
			t.Errorf("%s: planned %s", name, names(p))
		}
		wantRefusal(t, p, nameField, "neither used nor deleted")
	}
}

// Nodes without a pod network are told of before they are built, and as long as none is
// Ready; one that was installed by other means is as good as a pack.
func TestPlanWarnsOfAClusterWithoutPodNetwork(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.Packs = nil
	notReady := running(1, 1)
	notReady.API.Packs = nil
	for name, n := range notReady.API.Nodes {
		n.Ready = false
		notReady.API.Nodes[name] = n
	}
	ready := running(1, 1)
	ready.API.Packs = nil
	silent := unreachable(running(1, 1))
	for name, c := range map[string]struct {
		facts *model.Facts
		warns bool
	}{
		"creation": {&model.Facts{}, true}, "none is Ready": {notReady, true},
		"installed by other means": {ready, false}, "not known": {silent, false},
	} {
		p := planned(s, c.facts)
		warned := says(on(p.Warnings, model.ClusterField(model.FieldPacks)), `No pack of cluster "c" has the layer cni`, "NotReady")
		if p.Err() != nil || warned != c.warns {
			t.Errorf("%s: %v, %v", name, p.Err(), p.Warnings)
		}
	}
	if p := planned(s, notReady); !p.Empty() {
		t.Errorf("planned %s", names(p))
	}
}
