package simulator

import (
	"maps"
	"slices"
	"unicode/utf8"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ReconfigureComputeResourceTask changes a compute cluster and refuses the
// placement rules that a vCenter refuses.
func (o *overrides) ReconfigureComputeResourceTask(ctx *vcsim.Context, req *types.ReconfigureComputeResource_Task) soap.HasFault {
	cluster, ok := get[*vcsim.ClusterComputeResource](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	return &methods.ReconfigureComputeResource_TaskBody{Res: &types.ReconfigureComputeResource_TaskResponse{
		Returnval: o.s.startTask(ctx, req.This, "ReconfigureComputeResource_Task",
			"ComputeResource.reconfigureEx", func(ctx *vcsim.Context) (types.AnyType, fault) {
				if spec, ok := req.Spec.(*types.ClusterConfigSpecEx); ok {
					if err := checkRules(ctx, cluster, spec); err != nil {
						return nil, err
					}
					if err := checkGroups(ctx, cluster, spec); err != nil {
						return nil, err
					}
					renameRules(cluster, spec)
				}
				res, f := finish(ctx, cluster.ReconfigureComputeResourceTask(ctx, req))
				if f == nil {
					o.s.separate(ctx, cluster)
				}
				return res, f
			}),
	}}
}

// checkRules refuses an anti-affinity rule of less than two machines or with a
// machine of another cluster, a name that another rule has, and a key that none has.
func checkRules(ctx *vcsim.Context, cluster *vcsim.ClusterComputeResource, spec *types.ClusterConfigSpecEx) fault {
	keys := map[string]int32{}
	for _, rule := range cluster.ConfigurationEx.(*types.ClusterConfigInfoEx).Rule {
		info := rule.GetClusterRuleInfo()
		keys[info.Name] = info.Key
	}
	has := func(key int32) bool { return slices.Contains(slices.Collect(maps.Values(keys)), key) }
	for _, change := range spec.RulesSpec {
		if change.Operation == types.ArrayUpdateOperationRemove {
			if key, ok := change.RemoveKey.(int32); !ok || !has(key) {
				return invalidArgument("rulesSpec.removeKey")
			}
			continue
		}
		if change.Info == nil {
			return invalidArgument("rulesSpec.info")
		}
		info := change.Info.GetClusterRuleInfo()
		holder, taken := keys[info.Name]
		edits := change.Operation == types.ArrayUpdateOperationEdit
		switch {
		case info.Name == "", !edits && info.Key != 0:
			return invalidArgument("rulesSpec.info")
		case utf8.RuneCountInString(info.Name) > maxGroupName:
			return &types.InvalidName{Name: info.Name, Entity: &cluster.Self}
		case edits && !has(info.Key):
			return invalidArgument("rulesSpec.info.key")
		case taken && (!edits || holder != info.Key):
			return &types.DuplicateName{Name: info.Name, Object: cluster.Self}
		}
		var vms []types.ManagedObjectReference
		switch rule := change.Info.(type) {
		case *types.ClusterAntiAffinityRuleSpec:
			vms = rule.Vm
		case *types.ClusterAffinityRuleSpec:
			vms = rule.Vm
		case *types.ClusterVmHostRuleInfo:
			if err := checkHostRule(cluster, rule); err != nil {
				return err
			}
			continue
		default:
			continue
		}
		if len(vms) < 2 {
			return invalidArgument("rulesSpec.info.vm")
		}
		for _, ref := range vms {
			vm, ok := get[*vcsim.VirtualMachine](ctx, ref)
			if !ok {
				return &types.ManagedObjectNotFound{Obj: ref}
			}
			if !slices.Contains(cluster.Host, *vm.Runtime.Host) {
				return invalidArgument("rulesSpec.info.vm")
			}
		}
	}
	return nil
}

// renameRules gives rules that are edited their new names first: vCenter goes by their keys,
// and vcsim by their names.
func renameRules(cluster *vcsim.ClusterComputeResource, spec *types.ClusterConfigSpecEx) {
	for _, change := range spec.RulesSpec {
		if change.Operation != types.ArrayUpdateOperationEdit {
			continue
		}
		for _, rule := range cluster.ConfigurationEx.(*types.ClusterConfigInfoEx).Rule {
			if info := rule.GetClusterRuleInfo(); info.Key == change.Info.GetClusterRuleInfo().Key {
				info.Name = change.Info.GetClusterRuleInfo().Name
				change.Info.GetClusterRuleInfo().RuleUuid = info.RuleUuid
			}
		}
	}
}
