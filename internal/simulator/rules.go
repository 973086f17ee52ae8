package simulator

import (
	"slices"

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
				}
				return finish(ctx, cluster.ReconfigureComputeResourceTask(ctx, req))
			}),
	}}
}

// checkRules refuses an anti-affinity rule of less than two machines or with a
// machine of another cluster.
func checkRules(ctx *vcsim.Context, cluster *vcsim.ClusterComputeResource, spec *types.ClusterConfigSpecEx) fault {
	for _, change := range spec.RulesSpec {
		if change.Operation == types.ArrayUpdateOperationRemove {
			if _, ok := change.RemoveKey.(int32); !ok {
				return invalidArgument("rulesSpec.removeKey")
			}
			continue
		}
		if change.Info == nil {
			return invalidArgument("rulesSpec.info")
		}
		var vms []types.ManagedObjectReference
		switch rule := change.Info.(type) {
		case *types.ClusterAntiAffinityRuleSpec:
			vms = rule.Vm
		case *types.ClusterAffinityRuleSpec:
			vms = rule.Vm
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
