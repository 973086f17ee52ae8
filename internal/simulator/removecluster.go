package simulator

import (
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// RemoveComputeCluster removes the compute cluster with an inventory path, as an
// administrator does who has emptied it. Its tags stay, on nothing.
func (s *Simulator) RemoveComputeCluster(inventoryPath string) error {
	own := *s.service.Context
	_, err := s.locked(&own, func(ctx *vcsim.Context) (types.AnyType, fault) {
		ref, _ := objectAt(ctx, inventoryPath)
		cluster, ok := get[*vcsim.ClusterComputeResource](ctx, ref)
		if !ok {
			return nil, &types.NotFound{}
		}
		folder, ok := get[*vcsim.Folder](ctx, *cluster.Parent)
		if !ok {
			return nil, &types.NotFound{}
		}
		ctx.WithLock(folder, func() { vcsim.RemoveReference(&folder.ChildEntity, ref) })
		ctx.Map.Remove(ctx, ref)
		return nil, nil
	})
	if err != nil {
		return vimError(err)
	}
	return nil
}
