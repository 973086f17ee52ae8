package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// joinWitness looks at who is in a VM group when a VM is powered on.
type joinWitness struct {
	model.VCenter
	cluster uuid.UUID
	in      string // reference of the compute cluster
	group   string

	mu      sync.Mutex
	outside []string
}

func (g *joinWitness) PowerOn(ctx context.Context, vm string) (string, error) {
	own, err := g.Rules(ctx, g.in, g.cluster)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(own.VMGroups, func(h model.VMGroup) bool { return h.Name == g.group && slices.Contains(h.VMs, vm) }) {
		g.mu.Lock()
		g.outside = append(g.outside, vm)
		g.mu.Unlock()
	}
	return g.VCenter.PowerOn(ctx, vm)
}

// inVMGroup puts the nodes of a spec into a VM group.
func inVMGroup(spec *model.ClusterSpec, name string) {
	spec.ControlPlane.Placements = slices.Clone(spec.ControlPlane.Placements)
	spec.ControlPlane.Placements[0].VMGroup = name
	spec.Workers = slices.Clone(spec.Workers)
	for i := range spec.Workers {
		spec.Workers[i].Placements = slices.Clone(spec.Workers[i].Placements[:1])
		spec.Workers[i].Placements[0].VMGroup = name
	}
}

// callsOfAPlan are the calls of vCenter that a plan makes, but for those of the ledger: a longer
// record may have more parts.
func (w *world) callsOfAPlan(spec model.ClusterSpec, secrets *model.Secrets) string {
	w.t.Helper()
	w.sim.ResetCalls()
	w.plan(spec, secrets)
	return fmt.Sprint(w.sim.Calls().SOAP)
}

// TestVMGroupsThroughTheLifeOfACluster puts the nodes and the load balancer into a VM group of an
// administrator before they are powered on, has them change it in place, puts back what others
// took out, rolls them, and leaves the groups and the VMs of others alone.
func TestVMGroupsThroughTheLifeOfACluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{Inventory: simulator.Inventory{OtherVMs: 2}}))
	theirs := w.someVM()
	w.setGroup(edit, "licensed", theirs)
	spec := w.leasedWithNetwork(1, 2)
	spec.ID = uuid.New()
	inVMGroup(&spec, "licensed")
	e := w.engine()
	survey, err := e.Reader.Survey(t.Context(), model.SurveyRequest{Names: spec.Names()})
	w.must(err)
	seen := &joinWitness{VCenter: e.Builder, cluster: spec.ID, in: survey.Site.ComputeClusters()[0], group: "licensed"}
	e.Builder = seen
	secrets := newSecrets(t)
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || len(out.Warnings) > 0 {
		t.Fatalf("%v, %v", err, out.Warnings)
	}
	spec = kept(spec, out)
	if len(seen.outside) > 0 {
		t.Errorf("powered on outside of their group: %v", seen.outside)
	}
	with := func(nodes string) string { return strings.Trim(theirs+" "+nodes, " ") }
	all := "prod-cp-1 prod-general-1 prod-general-2 prod-lb"
	w.joined(spec, secrets, map[string]string{"licensed": with(all), "spare": ""})
	calls := w.callsOfAPlan(spec, secrets)

	inVMGroup(&spec, "spare")
	if p := w.plan(spec, secrets); fmt.Sprint(actions(p)) != "[place_nodes cluster-a]" {
		t.Errorf("planned %v", actions(p))
	}
	w.apply(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": theirs, "spare": all})
	if groups := w.record().VMGroups; len(groups) != 1 || groups[0].Name != "spare" || len(groups[0].Others) > 0 {
		t.Errorf("the record has %+v", groups)
	}

	w.setGroup(edit, "spare", w.vmRef(spec, "prod-general-1"), w.vmRef(spec, "prod-lb"), theirs)
	w.setGroup(edit, "licensed", theirs, w.vmRef(spec, "prod-cp-1"))
	if p := w.plan(spec, secrets); fmt.Sprint(actions(p)) != "[place_nodes cluster-a]" {
		t.Errorf("planned %v", actions(p))
	}
	if c := statusCondition(t, w.status(spec, secrets), "NodesGrouped"); c.Reason != "OutsideGroup" ||
		!strings.Contains(c.Message, "prod-cp-1, prod-general-2.") {
		t.Errorf("%+v", c)
	}
	w.apply(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": with("prod-cp-1"), "spare": with(all)})

	spec.Workers[0].CPU = 4
	w.apply(spec, secrets)
	spec = w.again(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": with("prod-cp-1"), "spare": with("prod-cp-1 prod-general-3 prod-general-4 prod-lb")})

	inVMGroup(&spec, "")
	w.apply(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": with("prod-cp-1"), "spare": theirs})
	if groups := w.record().VMGroups; len(groups) > 0 {
		t.Errorf("the record has %+v", groups)
	}
	if without := w.callsOfAPlan(spec, secrets); without != calls {
		t.Errorf("a plan makes the calls %s with a VM group, and %s without", calls, without)
	}
	inVMGroup(&spec, "licensed")
	w.apply(spec, secrets)
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	if left := w.sim.Leftovers(); len(left.VMs)+len(left.Folders)+len(left.Rules) > 0 {
		t.Errorf("left behind: %+v", left)
	}
	if got := w.vmGroups(spec); fmt.Sprint(got) != fmt.Sprint(map[string]string{"licensed": theirs, "spare": theirs}) {
		t.Errorf("the VM groups are %v", got)
	}
}

// A VM that others have put into the group before Gantry was asked to stays there when it is
// asked no longer; one that is built in its place is Gantry's.
func TestVMsThatOthersHaveGrouped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{}))
	spec := w.leasedWithNetwork(1, 2)
	inVMGroup(&spec, "")
	spec, secrets, _ := w.applied(spec)
	const all = "prod-cp-1 prod-general-1 prod-general-2 prod-lb"
	theirs := func() { w.setGroup(edit, "licensed", w.vmRef(spec, "prod-general-1"), w.vmRef(spec, "prod-lb")) }
	theirs()
	inVMGroup(&spec, "licensed")
	w.apply(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": all, "spare": ""})
	inVMGroup(&spec, "")
	w.apply(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": "prod-general-1 prod-lb", "spare": ""})

	inVMGroup(&spec, "licensed")
	w.apply(spec, secrets)
	w.setGroup(edit, "licensed", w.vmRef(spec, "prod-general-2"), w.vmRef(spec, "prod-lb"))
	w.apply(spec, secrets) // the first one comes back by Gantry
	spec.LoadBalancer.CPU = 4
	w.apply(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": all, "spare": ""})
	inVMGroup(&spec, "spare")
	w.apply(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": "", "spare": all})
}

// A VM group that is deleted under a running cluster is a warning and a condition, and an error
// where a node is to be built in it; once it is there again, the nodes join it.
func TestVMGroupsAndHostGroupsThatAreDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{}))
	spec := w.withNetwork(1, 1)
	inVMGroup(&spec, "licensed")
	spec.Workers[0].Placements[0].HostGroup = "right"
	spec, secrets, _ := w.applied(spec)
	own, err := w.engine().Reader.Rules(t.Context(), w.firstCluster(spec), spec.ID)
	w.must(err)
	w.setGroup(remove, "licensed")
	w.reconfigure(&types.ClusterConfigSpecEx{RulesSpec: []types.ClusterRuleSpec{{
		ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: remove, RemoveKey: own.Groups[0].RuleKey},
	}}})
	w.setGroup(remove, "right")

	p := w.plan(spec, secrets)
	gone := func(summary string) bool {
		return slices.ContainsFunc(p.Warnings, func(f model.Finding) bool { return f.Summary == summary })
	}
	if !p.Empty() || len(p.Problems) > 0 || !gone("VM group is gone") || !gone("Host group is gone") {
		t.Errorf("planned %v, %v, %v", actions(p), p.Problems, p.Warnings)
	}
	for kind, reason := range map[string]string{"NodesGrouped": "GroupGone", "NodesPlaced": "HostGroupGone"} {
		if c := statusCondition(t, w.status(spec, secrets), kind); c.Reason != reason {
			t.Errorf("%+v", c)
		}
	}
	w.apply(spec, secrets)
	more := spec
	more.Workers = slices.Clone(spec.Workers)
	more.Workers[0].Count = 2
	if p := w.plan(more, secrets); len(p.Problems) != 2 {
		t.Errorf("a node is built: %v", p.Problems)
	}

	w.setGroup(add, "licensed")
	w.reconfigure(&types.ClusterConfigSpecEx{GroupSpec: []types.ClusterGroupSpec{{
		ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: add},
		Info:            &types.ClusterHostGroup{ClusterGroupInfo: types.ClusterGroupInfo{Name: "right"}, Host: w.firstHosts()},
	}}})
	w.apply(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": "prod-cp-1 prod-general-1", "spare": ""})
	w.grouped(spec, secrets, map[string]string{"right": "prod-general-1"})
}

// Names of what is no VM group of an administrator are refused on the attribute. Of an account
// that may not put nodes into one the plan warns.
func TestVMGroupsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{Users: map[string]string{account: "secret"}}))
	ours := model.GroupName(uuid.New(), "left")
	w.setGroup(add, ours)
	e := w.as(account, "secret")
	e.User = account
	spec := w.withNetwork(1, 0)
	field := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldVMGroup)
	says := func(findings []model.Finding, words ...string) bool {
		return slices.ContainsFunc(findings, func(f model.Finding) bool {
			missing := slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(f.Summary+" "+f.Detail, word) })
			return !missing && slices.Contains(f.Fields, field)
		})
	}
	refused := func(words ...string) {
		t.Helper()
		if p, err := e.PlanCreation(t.Context(), spec, unknownFormer); err != nil || !says(p.Problems, words...) {
			t.Errorf("%v, %v", err, p.Problems)
		}
	}
	inVMGroup(&spec, "licenced")
	refused(`Unknown VM group "licenced"`, "Available: licensed, spare.")
	inVMGroup(&spec, "left")
	refused(`"left" is a group of hosts`, "licensed, spare.")
	inVMGroup(&spec, ours)
	refused("Gantry's own", "licensed, spare.")
	inVMGroup(&spec, "licensed")
	w.sim.DenyPrivilege(account, "Host.Inventory.EditCluster")
	p, err := e.PlanCreation(t.Context(), spec, unknownFormer)
	if err != nil || len(p.Problems) > 0 || !says(p.Warnings, "Host.Inventory.EditCluster", "cluster-a", "licensed") {
		t.Errorf("without the privilege: %v, %v, %v", err, p.Problems, p.Warnings)
	}
	secrets := newSecrets(t)
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0].Detail, "Host.Inventory.EditCluster") {
		t.Fatalf("%v, %v", err, out.Warnings)
	}
	spec = kept(spec, out)
	w.sim.RestorePrivileges()
	if p, err = e.Plan(t.Context(), spec, secrets, nil); err != nil || !slices.Equal(actions(p), []string{"place_nodes cluster-a"}) {
		t.Errorf("with the privilege: %v, %v, %v", err, actions(p), p.Problems)
	}
	if out, err = e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil || len(out.Warnings) > 0 {
		t.Fatalf("%v, %v", err, out.Warnings)
	}
	w.joined(spec, secrets, map[string]string{"licensed": "prod-cp-1", "spare": ""})
	w.setGroup(edit, "licensed")
	w.sim.DenyPrivilege(account, "Host.Inventory.EditCluster")
	p, err = e.Plan(t.Context(), spec, secrets, nil)
	if err != nil || !p.Empty() || len(p.Problems) > 0 || !says(p.Warnings, "Host.Inventory.EditCluster") {
		t.Errorf("a running cluster: %v, %v, %v, %v", err, actions(p), p.Problems, p.Warnings)
	}
	inVMGroup(&spec, "licenced")
	if p = w.plan(spec, secrets); !says(p.Problems, `Unknown VM group "licenced"`) {
		t.Errorf("another name: %v", p.Problems)
	}
}

// A VM that vCenter does not show while the attribute goes leaves the group once it is shown
// again; one that others have put back meanwhile stays.
func TestVMGroupsOfAVMThatIsHiddenForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{}))
	spec := w.withNetwork(1, 2)
	inVMGroup(&spec, "licensed")
	spec, secrets, _ := w.applied(spec)
	first, second := w.vmRef(spec, "prod-general-1"), w.vmRef(spec, "prod-general-2")
	w.disappear("prod-general-1")
	inVMGroup(&spec, "")
	spec = w.again(spec, secrets)
	if got := w.vmGroups(spec)["licensed"]; got != first {
		t.Errorf("in the group are %s, and %s is hidden", got, first)
	}
	w.setGroup(edit, "licensed", first, second)
	if _, p := w.refreshed(spec, secrets); slices.Contains(actions(p), "place_nodes cluster-a") {
		t.Errorf("while a VM is hidden, planned %v", actions(p))
	}
	w.sim.RestorePrivileges()
	if _, p := w.refreshed(spec, secrets); !slices.Contains(actions(p), "place_nodes cluster-a") {
		t.Errorf("once it is shown, planned %v", actions(p))
	}
	spec = w.again(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": "prod-general-2", "spare": ""})
	if groups := w.record().VMGroups; len(groups) > 0 {
		t.Errorf("the record has %+v", groups)
	}
}

// Where the record was lost, VMs in the group that the spec asks for are there by Gantry.
func TestVMGroupsWithoutARecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{}))
	spec := w.withNetwork(1, 1)
	inVMGroup(&spec, "licensed")
	spec, secrets, _ := w.applied(spec)
	w.loseRecord(spec)
	spec = w.again(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": "prod-cp-1 prod-general-1", "spare": ""})
	inVMGroup(&spec, "")
	spec = w.again(spec, secrets)
	w.joined(spec, secrets, map[string]string{"licensed": "", "spare": ""})
}
