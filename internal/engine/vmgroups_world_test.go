package engine_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

const (
	edit   = types.ArrayUpdateOperationEdit
	add    = types.ArrayUpdateOperationAdd
	remove = types.ArrayUpdateOperationRemove
)

// vmGroups are the nodes in the VM groups of the administrator; a VM of others is shown by its
// reference.
func (w *world) vmGroups(spec model.ClusterSpec) map[string]string {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID, Names: spec.Names()})
	w.must(err)
	names := nodesByVM(survey)
	all := map[string]string{}
	for _, in := range survey.Site.ComputeClusters() {
		own, err := w.engine().Reader.Rules(w.t.Context(), in, spec.ID)
		w.must(err)
		for _, g := range own.VMGroups {
			var nodes []string
			for _, vm := range g.VMs {
				if names[vm] != "" {
					vm = names[vm]
				}
				nodes = append(nodes, vm)
			}
			slices.Sort(nodes)
			all[g.Name] = strings.Join(nodes, " ")
		}
	}
	return all
}

// joined fails unless the VM groups have these nodes, and nothing is left to be done.
func (w *world) joined(spec model.ClusterSpec, secrets *model.Secrets, want map[string]string) {
	w.t.Helper()
	if got := w.vmGroups(spec); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("the VM groups are %v, want %v", got, want)
	}
	p := w.plan(spec, secrets)
	if !p.Empty() || len(warnings(p)) > 0 {
		w.t.Errorf("left to be done: %v, %v", actions(p), warnings(p))
	}
	for _, c := range w.status(spec, secrets).Conditions {
		if c.Type == "NodesGrouped" && c.Status != model.ConditionTrue {
			w.t.Errorf("%+v", c)
		}
	}
}

// setGroup has an administrator say who is in a VM group of the first compute cluster.
func (w *world) setGroup(operation types.ArrayUpdateOperation, name string, vms ...string) {
	w.t.Helper()
	change := types.ClusterGroupSpec{ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: operation}}
	if operation == types.ArrayUpdateOperationRemove {
		change.RemoveKey = name
	} else {
		group := &types.ClusterVmGroup{ClusterGroupInfo: types.ClusterGroupInfo{Name: name}}
		for _, vm := range vms {
			var ref types.ManagedObjectReference
			ref.FromString(vm)
			group.Vm = append(group.Vm, ref)
		}
		change.Info = group
	}
	w.reconfigure(&types.ClusterConfigSpecEx{GroupSpec: []types.ClusterGroupSpec{change}})
}

// vmRef is the VM of a node.
func (w *world) vmRef(spec model.ClusterSpec, node string) string {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	for vm, name := range nodesByVM(survey) {
		if name == node {
			return vm
		}
	}
	w.t.Fatalf("there is no VM of %s", node)
	return ""
}

// someVM is a VM of others in the first compute cluster.
func (w *world) someVM() string {
	w.t.Helper()
	var vm string
	w.inFirstCluster(func(cluster *object.ClusterComputeResource) {
		hosts, err := cluster.Hosts(w.t.Context())
		w.must(err)
		for _, host := range hosts {
			var obj mo.HostSystem
			w.must(host.Properties(w.t.Context(), host.Reference(), []string{"vm"}, &obj))
			for _, ref := range obj.Vm {
				vm = ref.String()
			}
		}
	})
	if vm == "" {
		w.t.Fatal("there is no VM of others")
	}
	return vm
}

// firstCluster is the first compute cluster.
func (w *world) firstCluster(spec model.ClusterSpec) string {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Names: spec.Names()})
	w.must(err)
	return survey.Site.ComputeClusters()[0]
}

// firstHosts are the hosts of the first compute cluster.
func (w *world) firstHosts() (refs []types.ManagedObjectReference) {
	w.t.Helper()
	w.inFirstCluster(func(cluster *object.ClusterComputeResource) {
		hosts, err := cluster.Hosts(w.t.Context())
		w.must(err)
		for _, host := range hosts {
			refs = append(refs, host.Reference())
		}
	})
	return refs
}
