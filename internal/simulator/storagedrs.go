package simulator

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// allShared are the datastores that all hosts of a datacenter mount.
func (d datacenter) allShared() []string {
	names := []string{d.shared}
	for _, pod := range d.datastoreClusters {
		names = append(names, pod.Datastores...)
	}
	return names
}

// datastoreCluster makes a datastore cluster of datastores that hosts have mounted.
func (b *builder) datastoreCluster(dc *vcsim.Datacenter, wanted DatastoreCluster) error {
	folder := b.ctx.Map.Get(dc.DatastoreFolder).(*vcsim.Folder)
	res := folder.CreateStoragePod(b.ctx, &types.CreateStoragePod{This: folder.Self, Name: wanted.Name})
	if err := faultError(res); err != nil {
		return err
	}
	pod := b.ctx.Map.Get(res.(*methods.CreateStoragePodBody).Res.Returnval).(*vcsim.StoragePod)
	pod.PodStorageDrsEntry.StorageDrsConfig.PodConfig.Enabled = wanted.StorageDRS
	for _, name := range wanted.Datastores {
		ref, ok := b.child(folder, name)
		if !ok {
			return fmt.Errorf("no datastore %q", name)
		}
		// What vcsim's own move leaves to the folder that it copies.
		vcsim.RemoveReference(&folder.ChildEntity, ref)
		pod.ChildEntity = append(pod.ChildEntity, ref)
		b.ctx.Map.Get(ref).(*vcsim.Datastore).Parent = &pod.Self
	}
	return nil
}

func (b *builder) child(folder *vcsim.Folder, name string) (types.ManagedObjectReference, bool) {
	i := slices.IndexFunc(folder.ChildEntity, func(ref types.ManagedObjectReference) bool { return entityName(b.ctx, ref) == name })
	if i < 0 {
		return types.ManagedObjectReference{}, false
	}
	return folder.ChildEntity[i], true
}

// RecommendDatastores recommends datastores of a datastore cluster for a clone, the one with
// the most free space first: vcsim's own knows neither space, hosts nor maintenance mode.
func (o *overrides) RecommendDatastores(ctx *vcsim.Context, req *types.RecommendDatastores) soap.HasFault {
	o.s.inventory.RLock()
	defer o.s.inventory.RUnlock()
	p := storagePlacement{s: o.s, ctx: ctx, spec: req.StorageSpec}
	fits, err := p.datastores()
	if err != nil {
		return refuse(err)
	}
	result := types.StoragePlacementResult{}
	for i, ds := range fits {
		result.Recommendations = append(result.Recommendations, types.ClusterRecommendation{
			Key: strconv.Itoa(i + 1), Type: "V1", Time: o.s.clock.now(), Rating: 1, Reason: "storagePlacement",
			ReasonText: "Satisfy storage initial placement requests", Target: p.spec.PodSelectionSpec.StoragePod,
			Action: []types.BaseClusterAction{&types.StoragePlacementAction{
				ClusterAction: types.ClusterAction{Type: "StoragePlacementV1"},
				RelocateSpec:  types.VirtualMachineRelocateSpec{Datastore: &ds.Self},
				Destination:   ds.Self,
			}},
		})
	}
	if len(fits) == 0 {
		result.DrsFault = &types.ClusterDrsFaults{Reason: "storagePlacement"}
	}
	return &methods.RecommendDatastoresBody{Res: &types.RecommendDatastoresResponse{Returnval: result}}
}

// storagePlacement is a request for recommendations.
type storagePlacement struct {
	s    *Simulator
	ctx  *vcsim.Context
	spec types.StoragePlacementSpec
}

// datastores are those that a clone fits on.
func (p storagePlacement) datastores() ([]*vcsim.Datastore, fault) {
	spec := p.spec
	switch {
	case spec.Type != string(types.StoragePlacementSpecPlacementTypeClone):
		return nil, &types.NotSupported{} // nothing else is asked for
	case spec.Vm == nil:
		return nil, invalidArgument("storageSpec.vm")
	case spec.Folder == nil:
		return nil, invalidArgument("storageSpec.folder")
	case spec.CloneName == "":
		return nil, invalidArgument("storageSpec.cloneName")
	case spec.CloneSpec == nil:
		return nil, invalidArgument("storageSpec.cloneSpec")
	case spec.PodSelectionSpec.StoragePod == nil:
		return nil, invalidArgument("storageSpec.podSelectionSpec.storagePod")
	}
	pod, ok := get[*vcsim.StoragePod](p.ctx, *spec.PodSelectionSpec.StoragePod)
	if !ok {
		return nil, &types.ManagedObjectNotFound{Obj: *spec.PodSelectionSpec.StoragePod}
	}
	if !pod.PodStorageDrsEntry.StorageDrsConfig.PodConfig.Enabled {
		return nil, invalidArgument("storageSpec.podSelectionSpec.storagePod")
	}
	source, ok := get[*vcsim.VirtualMachine](p.ctx, *spec.Vm)
	if !ok {
		return nil, &types.ManagedObjectNotFound{Obj: *spec.Vm}
	}
	c := &cloning{
		s: p.s, ctx: p.ctx, source: source,
		req: &types.CloneVM_Task{This: *spec.Vm, Folder: *spec.Folder, Name: spec.CloneName, Spec: *spec.CloneSpec},
	}
	if c.dc, ok = datacenterOf(p.ctx, *spec.Folder); !ok {
		return nil, invalidArgument("storageSpec.folder")
	}
	if err := c.placePool(spec.CloneSpec.Location.Pool, spec.CloneSpec.Location.Host); err != nil {
		return nil, err
	}
	var fits []*vcsim.Datastore
	for _, ref := range pod.ChildEntity {
		ds, ok := get[*vcsim.Datastore](p.ctx, ref)
		if !ok || inMaintenance(ds) || !c.mounted(ds) || ds.Summary.FreeSpace <= 0 {
			continue
		}
		fits = append(fits, ds)
	}
	slices.SortFunc(fits, func(a, b *vcsim.Datastore) int {
		return cmp.Or(cmp.Compare(b.Summary.FreeSpace, a.Summary.FreeSpace), cmp.Compare(a.Name, b.Name))
	})
	return fits, nil
}

func inMaintenance(ds *vcsim.Datastore) bool {
	mode := ds.Summary.MaintenanceMode
	return mode != "" && mode != string(types.DatastoreSummaryMaintenanceModeStateNormal)
}

// SetMaintenance puts a datastore into maintenance mode, or ends that.
func (s *Simulator) SetMaintenance(datastore string, on bool) error {
	mode := types.DatastoreSummaryMaintenanceModeStateNormal
	if on {
		mode = types.DatastoreSummaryMaintenanceModeStateInMaintenance
	}
	own := *s.service.Context
	s.inventory.Lock()
	defer s.inventory.Unlock()
	ds := s.datastore(&own, datastore)
	if ds == nil {
		return fmt.Errorf("no datastore %q", datastore)
	}
	own.WithLock(ds, func() { ds.Summary.MaintenanceMode = string(mode) })
	return nil
}
