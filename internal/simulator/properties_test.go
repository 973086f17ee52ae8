package simulator_test

import (
	"testing"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

func (d *datacenter) retrieve(spec types.PropertyFilterSpec) ([]types.ObjectContent, error) {
	res, err := methods.RetrievePropertiesEx(d.ctx, d.client.Client, &types.RetrievePropertiesEx{
		This: d.client.ServiceContent.PropertyCollector, SpecSet: []types.PropertyFilterSpec{spec},
	})
	if err != nil || res.Returnval == nil {
		return nil, err
	}
	return res.Returnval.Objects, nil
}

func TestKeyedPropertiesOfSeveralMachines(t *testing.T) {
	t.Parallel()
	d := start(t)
	with := d.mustClone("with", func(s *types.VirtualMachineCloneSpec) {
		s.Config.ExtraConfig = []types.BaseOptionValue{option("gantry.node", "{}")}
	})
	without := d.mustClone("without", func(s *types.VirtualMachineCloneSpec) { s.Config.VAppConfigRemoved = types.NewBool(true) })
	const path, deep = `config.extraConfig["gantry.node"]`, `config.vAppConfig.property[1]`
	objects, err := d.retrieve(types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: with.Reference()}, {Obj: without.Reference()}},
		PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name", path, deep}}},
	})
	d.must(err)
	if len(objects) != 2 {
		t.Fatalf("%d objects", len(objects))
	}
	for _, o := range objects {
		got := map[string]any{}
		for _, p := range o.PropSet {
			got[p.Name] = p.Val
		}
		if len(o.MissingSet) != 0 || got["name"] == nil {
			t.Errorf("%s: %v, missing %v", o.Obj, got, o.MissingSet)
		}
		value, ok := got[path]
		if o.Obj == with.Reference() {
			if got[deep] == nil {
				t.Error("the vApp property is missing")
			}
			if v, isOption := value.(types.OptionValue); !isOption || v.Value != "{}" {
				t.Errorf("with the key: %#v", value)
			}
		} else if ok {
			t.Errorf("without the key: %#v", value)
		}
	}
}

func TestWholeInventoryInOneCall(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.mustClone("n1")
	visit := func(name, kind, path string, next ...string) *types.TraversalSpec {
		s := &types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: name}, Type: kind, Path: path}
		for _, n := range next {
			s.SelectSet = append(s.SelectSet, &types.SelectionSpec{Name: n})
		}
		return s
	}
	all := []string{"folder", "vms", "hosts", "datastores", "networks", "pool", "pools"}
	traversal := []types.BaseSelectionSpec{
		visit("folder", "Folder", "childEntity", all...),
		visit("vms", "Datacenter", "vmFolder", all...),
		visit("hosts", "Datacenter", "hostFolder", all...),
		visit("datastores", "Datacenter", "datastoreFolder", all...),
		visit("networks", "Datacenter", "networkFolder", all...),
		visit("pool", "ComputeResource", "resourcePool", all...),
		visit("pools", "ResourcePool", "resourcePool", all...),
	}
	d.ResetCalls()
	objects, err := d.retrieve(types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: d.client.ServiceContent.RootFolder, SelectSet: traversal}},
		PropSet: []types.PropertySpec{
			{Type: "Folder", PathSet: []string{"name", "parent"}}, {Type: "Datacenter", PathSet: []string{"name", "parent"}},
			{Type: "ComputeResource", PathSet: []string{"name", "host", "datastore", "network"}},
			{Type: "ResourcePool", PathSet: []string{"name", "owner"}}, {Type: "Datastore", PathSet: []string{"name", "host", "summary"}},
			{Type: "Network", PathSet: []string{"name"}}, {Type: "VirtualMachine", PathSet: []string{"name", "parent"}},
		},
	})
	d.must(err)
	kinds := map[string]int{}
	names := map[string]bool{}
	for _, o := range objects {
		kinds[o.Obj.Type]++
		for _, p := range o.PropSet {
			if s, ok := p.Val.(string); ok && p.Name == "name" {
				names[s] = true
			}
		}
	}
	for kind, want := range map[string]int{
		"Datacenter": 2, "ClusterComputeResource": 4, "ResourcePool": 8, "Datastore": 6, "VirtualMachine": 5,
		"Network": 2, "DistributedVirtualPortgroup": 5,
	} {
		if kinds[kind] != want {
			t.Errorf("%d of %s, expected %d", kinds[kind], kind, want)
		}
	}
	for _, name := range []string{"n1", "dvpg-nodes", "VM Network", "gantry", "Resources", "local-c", "templates"} {
		if !names[name] {
			t.Errorf("%s is missing", name)
		}
	}
	if d.Calls().Total != 1 {
		t.Errorf("calls %+v", d.Calls())
	}
}

func TestMissingObjects(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1")
	task, err := vm.Rename(d.ctx, "n2")
	d.must(err)
	gone := types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-99999"}
	spec := types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: task.Reference()}, {Obj: vm.Reference()}, {Obj: gone}},
		PropSet: []types.PropertySpec{
			{Type: "Task", PathSet: []string{"info.state"}}, {Type: "VirtualMachine", PathSet: []string{"name"}},
		},
	}
	if _, err := d.retrieve(spec); !isFault[types.ManagedObjectNotFound](err) {
		t.Errorf("with an object that is gone: %v", err)
	}
	spec.ReportMissingObjectsInResults = types.NewBool(true)
	objects, err := d.retrieve(spec)
	d.must(err)
	if len(objects) != 2 {
		t.Errorf("objects %v", objects)
	}
	spec.ObjectSet = spec.ObjectSet[:2]
	spec.ReportMissingObjectsInResults = nil
	objects, err = d.retrieve(spec)
	d.must(err)
	if len(objects) != 2 {
		t.Errorf("objects %v", objects)
	}
}
