package engine_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// withHostGroups has two host groups in the first compute cluster: left, the first host, and
// right, the two others, and two VM groups of an administrator, licensed and spare.
func withHostGroups(o simulator.Options) simulator.Options {
	o.Inventory.HostGroups = []simulator.HostGroup{
		{ComputeCluster: "cluster-a", Name: "left", Hosts: []int{1}},
		{ComputeCluster: "cluster-a", Name: "right", Hosts: []int{2, 3}},
	}
	o.Inventory.VMGroups = []simulator.VMGroup{{ComputeCluster: "cluster-a", Name: "licensed"}, {ComputeCluster: "cluster-a", Name: "spare"}}
	return o
}

// grouped fails unless nodes are kept on the hosts of these host groups, run there, and nothing
// is left to be done.
func (w *world) grouped(spec model.ClusterSpec, secrets *model.Secrets, want map[string]string) {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	names := nodesByVM(survey)
	got := map[string]string{}
	for _, g := range survey.Groups {
		var nodes []string
		for _, vm := range g.VMs {
			nodes = append(nodes, names[vm])
		}
		slices.Sort(nodes)
		got[g.HostGroup] = strings.Join(nodes, " ")
		if !g.Made || !g.Kept {
			w.t.Errorf("%+v is not kept", g)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("the VM groups are %v, want %v", got, want)
	}
	p := w.plan(spec, secrets)
	if !p.Empty() || len(warnings(p)) > 0 {
		w.t.Errorf("left to be done: %v, %v", actions(p), warnings(p))
	}
	if len(want) == 0 {
		return
	}
	if c := statusCondition(w.t, w.status(spec, secrets), "NodesPlaced"); c.Status != model.ConditionTrue {
		w.t.Errorf("%+v", c)
	}
}

// reconfigure changes the first compute cluster as an administrator does.
func (w *world) reconfigure(spec *types.ClusterConfigSpecEx) {
	w.t.Helper()
	w.inFirstCluster(func(cluster *object.ClusterComputeResource) {
		task, err := cluster.Reconfigure(w.t.Context(), spec, true)
		w.must(err)
		w.must(task.Wait(w.t.Context()))
	})
}

// inFirstCluster does something with the first compute cluster as an administrator.
func (w *world) inFirstCluster(do func(*object.ClusterComputeResource)) {
	w.t.Helper()
	u, err := soap.ParseURL(w.sim.URL())
	w.must(err)
	u.User = url.UserPassword(w.sim.Username(), w.sim.Password())
	client, err := govmomi.NewClient(w.t.Context(), u, true)
	w.must(err)
	defer func() { _ = client.Logout(w.t.Context()) }()
	cluster, err := find.NewFinder(client.Client).ClusterComputeResource(w.t.Context(), "/dc-1/host/cluster-a")
	w.must(err)
	do(cluster)
}

// groupWitness looks at the VM groups when a VM is powered on.
type groupWitness struct {
	model.VCenter
	cluster uuid.UUID
	in      string // reference of the compute cluster

	mu      sync.Mutex
	outside []string
}

func (g *groupWitness) PowerOn(ctx context.Context, vm string) (string, error) {
	own, err := g.Rules(ctx, g.in, g.cluster)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(own.Groups, func(h model.HostedGroup) bool { return h.Kept && slices.Contains(h.VMs, vm) }) {
		g.mu.Lock()
		g.outside = append(g.outside, vm)
		g.mu.Unlock()
	}
	return g.VCenter.PowerOn(ctx, vm)
}

// TestHostGroupsThroughTheLifeOfACluster keeps the nodes and the load balancer on the hosts of a
// host group from before they are powered on, moves them in place to another one, repairs what
// others have changed, and rolls them.
func TestHostGroupsThroughTheLifeOfACluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{}))
	spec := w.leasedWithNetwork(1, 2)
	spec.ID = uuid.New()
	spec.Workers[0].Placements = spec.Workers[0].Placements[:1]
	place := func(hostGroup string) {
		spec.ControlPlane.Placements = slices.Clone(spec.ControlPlane.Placements)
		spec.ControlPlane.Placements[0].HostGroup = hostGroup
		spec.Workers = slices.Clone(spec.Workers)
		spec.Workers[0].Placements = slices.Clone(spec.Workers[0].Placements)
		spec.Workers[0].Placements[0].HostGroup = hostGroup
	}
	place("left")
	e := w.engine()
	survey, err := e.Reader.Survey(t.Context(), model.SurveyRequest{Names: spec.Names()})
	w.must(err)
	seen := &groupWitness{VCenter: e.Builder, cluster: spec.ID, in: survey.Site.ComputeClusters()[0]}
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
	all := "prod-cp-1 prod-general-1 prod-general-2 prod-lb"
	w.grouped(spec, secrets, map[string]string{"left": all})
	if hosts := w.hostsOf(spec); len(hosts) != 1 {
		t.Errorf("they run on %v", hosts)
	}

	place("right")
	if p := w.plan(spec, secrets); fmt.Sprint(actions(p)) != "[place_nodes cluster-a]" {
		t.Errorf("planned %v", actions(p))
	}
	w.apply(spec, secrets)
	w.grouped(spec, secrets, map[string]string{"right": all})

	name := model.GroupName(spec.ID, "right")
	rule := types.ClusterRuleSpec{ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationEdit}}
	rule.Info = &types.ClusterVmHostRuleInfo{
		ClusterRuleInfo: types.ClusterRuleInfo{Name: name, Enabled: types.NewBool(false)}, VmGroupName: name, AffineHostGroupName: "left",
	}
	own, err := w.engine().Reader.Rules(t.Context(), seen.in, spec.ID)
	w.must(err)
	rule.Info.GetClusterRuleInfo().Key = own.Groups[0].RuleKey
	group := types.ClusterGroupSpec{ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationEdit}}
	group.Info = &types.ClusterVmGroup{ClusterGroupInfo: types.ClusterGroupInfo{Name: name}}
	w.reconfigure(&types.ClusterConfigSpecEx{RulesSpec: []types.ClusterRuleSpec{rule}, GroupSpec: []types.ClusterGroupSpec{group}})
	if p := w.plan(spec, secrets); fmt.Sprint(actions(p)) != "[place_nodes cluster-a]" {
		t.Errorf("planned %v", actions(p))
	}
	if c := statusCondition(t, w.status(spec, secrets), "NodesPlaced"); c.Reason != "NoRule" {
		t.Errorf("%+v", c)
	}
	w.apply(spec, secrets)
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("a rule that was turned off: planned %v", actions(p))
	}
	if c := statusCondition(t, w.status(spec, secrets), "NodesPlaced"); c.Reason != "RuleDisabled" {
		t.Errorf("%+v", c)
	}
	w.turnOnRule(spec, "right")
	w.grouped(spec, secrets, map[string]string{"right": all})

	spec.Workers[0].CPU = 4
	w.apply(spec, secrets)
	spec = w.again(spec, secrets)
	w.grouped(spec, secrets, map[string]string{"right": "prod-cp-1 prod-general-3 prod-general-4 prod-lb"})

	place("")
	w.apply(spec, secrets)
	w.grouped(spec, secrets, map[string]string{})
	place("left")
	w.apply(spec, secrets)
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	if left := w.sim.Leftovers(); len(left.VMs)+len(left.Folders)+len(left.Rules) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}

// turnOnRule has an administrator turn on the rule for a host group.
func (w *world) turnOnRule(spec model.ClusterSpec, hostGroup string) {
	w.t.Helper()
	own, err := w.engine().Reader.Rules(w.t.Context(), w.firstCluster(spec), spec.ID)
	w.must(err)
	name := model.GroupName(spec.ID, hostGroup)
	w.reconfigure(&types.ClusterConfigSpecEx{RulesSpec: []types.ClusterRuleSpec{{
		ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationEdit},
		Info: &types.ClusterVmHostRuleInfo{
			ClusterRuleInfo: types.ClusterRuleInfo{Key: own.Groups[0].RuleKey, Name: name, Enabled: types.NewBool(true)},
			VmGroupName:     name, AffineHostGroupName: hostGroup,
		},
	}}})
}

// hostsOf are the hosts of the VMs of a cluster.
func (w *world) hostsOf(spec model.ClusterSpec) []string {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	var hosts []string
	for _, h := range survey.Hosting {
		for host := range h.VMs {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// Names of what is no host group are refused on the attribute, and an account that may not make
// rules builds the cluster without them.
func TestHostGroupsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{Users: map[string]string{account: "secret"}}))
	w.reconfigure(&types.ClusterConfigSpecEx{GroupSpec: []types.ClusterGroupSpec{{
		ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationAdd},
		Info:            &types.ClusterVmGroup{ClusterGroupInfo: types.ClusterGroupInfo{Name: "databases"}},
	}}})
	w.sim.DenyPrivilege(account, "Host.Inventory.EditCluster")
	e := w.as(account, "secret")
	e.User = account
	spec := w.withNetwork(1, 0)
	field := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldHostGroup)
	says := func(findings []model.Finding, words ...string) bool {
		return slices.ContainsFunc(findings, func(f model.Finding) bool {
			missing := slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(f.Summary+" "+f.Detail, word) })
			return !missing && slices.Contains(f.Fields, field)
		})
	}
	for hostGroup, words := range map[string][]string{
		"lefty":     {`Unknown host group "lefty"`, "Available: left, right"},
		"databases": {`"databases" is a group of VMs`, "left, right"},
	} {
		spec.ControlPlane.Placements[0].HostGroup = hostGroup
		if p, err := e.PlanCreation(t.Context(), spec, unknownFormer); err != nil || !says(p.Problems, words...) {
			t.Errorf("%v, %v", err, p.Problems)
		}
	}
	spec.ControlPlane.Placements[0].HostGroup = "left"
	p, err := e.PlanCreation(t.Context(), spec, unknownFormer)
	if err != nil || !says(p.Warnings, "not kept on the hosts", "Host.Inventory.EditCluster", "cluster-a") || len(p.Problems) > 0 {
		t.Errorf("%v, %v, %v", err, p.Warnings, p.Problems)
	}
	secrets := newSecrets(t)
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	warned := len(out.Warnings) == 1 && strings.Contains(out.Warnings[0].Detail, "Host.Inventory.EditCluster")
	if !warned || out.Status.Health != model.Healthy {
		t.Errorf("%s, %v", out.Status.Health, out.Warnings)
	}
	spec = kept(spec, out)
	if c := statusCondition(t, out.Status, "NodesPlaced"); c.Reason != "NoRule" {
		t.Errorf("%+v", c)
	}
	if p, err = e.Plan(t.Context(), spec, secrets, nil); err != nil || !p.Empty() {
		t.Errorf("what the account may not do is planned: %v, %v", actions(p), err)
	}
	w.sim.RestorePrivileges()
	w.apply(spec, secrets)
	w.grouped(spec, secrets, map[string]string{"left": "prod-cp-1"})
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
}
