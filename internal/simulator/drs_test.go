package simulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// TestRulesAreAVCenters makes and edits rules as a vCenter takes them, by their keys, and
// powers on more machines than a rule has hosts for.
func TestRulesAreAVCenters(t *testing.T) {
	t.Parallel()
	d := start(t)
	var vms []*object.VirtualMachine
	var refs []types.ManagedObjectReference
	for i := range 4 {
		vm := d.mustClone(fmt.Sprintf("vm-%d", i))
		vms = append(vms, vm)
		refs = append(refs, vm.Reference())
	}
	cluster, err := d.finder.ClusterComputeResource(d.ctx, "cluster-a")
	d.must(err)
	change := func(operation types.ArrayUpdateOperation, key int32, name string, vms ...types.ManagedObjectReference) error {
		spec := types.ClusterRuleSpec{ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: operation}}
		if operation == types.ArrayUpdateOperationRemove {
			spec.RemoveKey = key
		} else {
			spec.Info = &types.ClusterAntiAffinityRuleSpec{
				ClusterRuleInfo: types.ClusterRuleInfo{Key: key, Name: name, Enabled: types.NewBool(true)}, Vm: vms,
			}
		}
		task, err := cluster.Reconfigure(d.ctx, &types.ClusterConfigSpecEx{RulesSpec: []types.ClusterRuleSpec{spec}}, true)
		d.must(err)
		return task.Wait(d.ctx)
	}
	const add, edit, remove = types.ArrayUpdateOperationAdd, types.ArrayUpdateOperationEdit, types.ArrayUpdateOperationRemove
	rules := func() []types.BaseClusterRuleInfo {
		t.Helper()
		var obj mo.ClusterComputeResource
		d.must(cluster.Properties(d.ctx, cluster.Reference(), []string{"configurationEx"}, &obj))
		return obj.ConfigurationEx.(*types.ClusterConfigInfoEx).Rule
	}

	d.must(change(add, 0, "one", refs[:2]...))
	key := rules()[0].GetClusterRuleInfo().Key
	if err := change(add, 0, "one", refs[2:]...); !isFault[types.DuplicateName](err) {
		t.Errorf("a second rule of the name: %v", err)
	}
	if err := change(add, 0, strings.Repeat("x", 81), refs[2:]...); !isFault[types.InvalidName](err) {
		t.Errorf("a name of 81 characters: %v", err)
	}
	if err := change(edit, key+1, "one", refs[:2]...); !isFault[types.InvalidArgument](err) {
		t.Errorf("an edit of a rule that is not there: %v", err)
	}
	if err := change(remove, key+1, ""); !isFault[types.InvalidArgument](err) {
		t.Errorf("the removal of a rule that is not there: %v", err)
	}
	d.must(change(edit, key, "renamed", refs...))
	if got := rules(); len(got) != 1 || got[0].GetClusterRuleInfo().Name != "renamed" || got[0].GetClusterRuleInfo().Key != key {
		t.Fatalf("the rules are %+v", got)
	}

	hosts := map[types.ManagedObjectReference]bool{}
	for _, vm := range vms[:3] {
		d.wait(vm.PowerOn(d.ctx))
		host, err := vm.HostSystem(d.ctx)
		d.must(err)
		hosts[host.Reference()] = true
	}
	if len(hosts) != 3 {
		t.Errorf("three machines are on %d hosts", len(hosts))
	}
	task, err := vms[3].PowerOn(d.ctx)
	d.must(err)
	if err := task.Wait(d.ctx); !isFault[types.RuleViolation](err) {
		t.Errorf("a fourth machine on three hosts: %v", err)
	}
	d.must(change(remove, key, ""))
	d.wait(vms[3].PowerOn(d.ctx))
	if len(rules()) > 0 {
		t.Errorf("the rules are %+v", rules())
	}
}
