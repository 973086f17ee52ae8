package simulator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestHostGroups refuses what a vCenter refuses of groups and of the rules that name them, and
// runs machines where a rule says that they should, if a host there is up.
func TestHostGroups(t *testing.T) {
	t.Parallel()
	d := start(t, func(o *simulator.Options) {
		o.Inventory.HostGroups = []simulator.HostGroup{{ComputeCluster: "cluster-a", Name: "third", Hosts: []int{3}}}
	})
	vm := d.mustClone("n1")
	cluster, err := d.finder.ClusterComputeResource(d.ctx, "cluster-a")
	d.must(err)
	change := func(spec types.ClusterConfigSpecEx) error {
		task, err := cluster.Reconfigure(d.ctx, &spec, true)
		d.must(err)
		return task.Wait(d.ctx)
	}
	group := func(operation types.ArrayUpdateOperation, name string, vms ...types.ManagedObjectReference) error {
		spec := types.ClusterGroupSpec{ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: operation}}
		if operation == types.ArrayUpdateOperationRemove {
			spec.RemoveKey = name
		} else {
			spec.Info = &types.ClusterVmGroup{ClusterGroupInfo: types.ClusterGroupInfo{Name: name}, Vm: vms}
		}
		return change(types.ClusterConfigSpecEx{GroupSpec: []types.ClusterGroupSpec{spec}})
	}
	rule := func(vms, hosts string) error {
		return change(types.ClusterConfigSpecEx{RulesSpec: []types.ClusterRuleSpec{{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationAdd},
			Info: &types.ClusterVmHostRuleInfo{
				ClusterRuleInfo: types.ClusterRuleInfo{Name: "there", Enabled: types.NewBool(true)}, VmGroupName: vms, AffineHostGroupName: hosts,
			},
		}}})
	}
	const add, edit, remove = types.ArrayUpdateOperationAdd, types.ArrayUpdateOperationEdit, types.ArrayUpdateOperationRemove
	refused := func(what string, err error) {
		t.Helper()
		if !isFault[types.InvalidArgument](err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("an edit of a group that is not there", group(edit, "mine", vm.Reference()))
	refused("a rule of a VM group that is not there", rule("mine", "third"))
	d.must(group(add, "mine", vm.Reference()))
	refused("a second group of the name", group(add, "mine"))
	refused("VMs for a host group", group(edit, "third", vm.Reference()))
	refused("a rule of a host group that is not there", rule("mine", "fourth"))
	refused("a rule of a VM group in place of a host group", rule("mine", "mine"))
	refused("a rule without a host group", rule("mine", ""))
	if err := group(add, strings.Repeat("é", 81)); !isFault[types.InvalidName](err) {
		t.Errorf("a name of 81 characters: %v", err)
	}
	d.must(group(add, strings.Repeat("é", 80)))
	d.must(group(remove, strings.Repeat("é", 80)))
	d.must(rule("mine", "third"))
	refused("the removal of a group that a rule names", group(remove, "mine"))
	refused("the removal of a group that is not there", group(remove, "yours"))
	if left := d.Leftovers().Rules; !slices.Equal(left, []string{"cluster-a/there", "group cluster-a/mine"}) {
		t.Errorf("left behind: %v", left)
	}

	config := func() types.ClusterConfigInfoEx {
		var obj mo.ClusterComputeResource
		d.must(cluster.Properties(d.ctx, cluster.Reference(), []string{"configurationEx"}, &obj))
		return *obj.ConfigurationEx.(*types.ClusterConfigInfoEx)
	}
	d.wait(vm.PowerOn(d.ctx))
	host, err := vm.HostSystem(d.ctx)
	d.must(err)
	if third := config().Group[0].(*types.ClusterHostGroup).Host; !slices.Equal(third, []types.ManagedObjectReference{host.Reference()}) {
		t.Errorf("the machine runs on %s, not on %s", host.Reference(), third)
	}
	d.wait(vm.PowerOff(d.ctx))
	d.wait(vm.Destroy(d.ctx))
	if vms := config().Group[1].(*types.ClusterVmGroup).Vm; len(vms) > 0 {
		t.Errorf("the group has %v", vms)
	}
}
