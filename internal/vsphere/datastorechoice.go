package vsphere

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// recommendationLease is for how many seconds Storage DRS keeps the space of a recommendation:
// those that are asked for meanwhile do not count with it. The clone begins at once, and then
// it has the space.
const recommendationLease = 60

// space is what is free on datastores.
type space struct {
	mu   sync.Mutex
	free map[string]int64 // GB by datastore, as the last tree shows it
	// taken are what the clones of this process take that no tree has shown yet, by instance
	// UUID.
	taken map[string]takenSpace
}

type takenSpace struct {
	datastore string
	gb        int64
}

// remember takes over what a tree with its VMs shows.
func (s *space) remember(inv *inventory) {
	free := map[string]int64{}
	for _, n := range inv.byType["Datastore"] {
		if room := spaceOf(n); room != nil {
			free[n.ref.String()] = room.FreeGB
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = free
	for _, m := range inv.fleet.marked {
		delete(s.taken, m.marker.Instance)
	}
}

// rank sorts datastores by what is free on them, the most first.
func (s *space) rank(choices []model.DatastoreChoice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := map[string]int64{}
	for _, c := range choices {
		free[c.Ref] = s.free[c.Ref]
	}
	for _, t := range s.taken {
		free[t.datastore] -= t.gb
	}
	slices.SortFunc(choices, func(a, b model.DatastoreChoice) int {
		return cmp.Or(cmp.Compare(free[b.Ref], free[a.Ref]), cmp.Compare(a.Ref, b.Ref))
	})
}

func (s *space) take(instance, datastore string, gb int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == nil {
		s.taken = map[string]takenSpace{}
	}
	s.taken[instance] = takenSpace{datastore, gb}
}

// datastoreFor is the datastore of a clone: of a datastore cluster, the one that Storage DRS
// recommends, and otherwise the one with the most free space.
func (c *Client) datastoreFor(
	ctx context.Context, req model.CloneRequest, call *types.CloneVM_Task,
) (*types.ManagedObjectReference, error) {
	place := req.Placement
	chosen := place.Datastore
	if chosen == "" {
		choices := slices.DeleteFunc(slices.Clone(place.Choices), func(choice model.DatastoreChoice) bool {
			return !c.site.hosts.mounts(place.ComputeCluster, call.Spec.Location.Host, choice.Ref)
		})
		if len(choices) == 0 {
			return nil, &Error{
				kind:   kindNoRoom,
				Reason: fmt.Sprintf("no host of compute cluster %q reaches a datastore that the VM can be put on", place.ComputeClusterName),
				Advice: "mount one on its hosts, or choose another placement",
			}
		}
		c.site.space.rank(choices)
		chosen = choices[0].Ref
		recommended, err := c.recommended(ctx, place, call)
		if err != nil {
			return nil, err
		}
		for _, ref := range recommended {
			if slices.ContainsFunc(choices, func(choice model.DatastoreChoice) bool { return choice.Ref == ref }) {
				chosen = ref
				break
			}
		}
		c.site.space.take(req.UUID, chosen, req.DiskGB+req.MemoryGB)
	}
	ref, err := parseRef("Datastore", chosen)
	return &ref, err
}

// recommended are the datastores that Storage DRS recommends for a clone, the best first. The
// recommendation is not applied: the clone is a task of its own. Storage DRS that is off or
// refuses recommends none. It is one call.
func (c *Client) recommended(ctx context.Context, place model.ResolvedPlacement, call *types.CloneVM_Task) ([]string, error) {
	if !place.StorageDRS || c.soap.content.StorageResourceManager == nil {
		return nil, nil
	}
	pod, err := parseRef("StoragePod", place.DatastoreCluster)
	if err != nil {
		return nil, err
	}
	spec := call.Spec
	if config := spec.Config; config != nil {
		// What the VM needs of storage, and not what it boots with, which has secrets.
		spec.Config = &types.VirtualMachineConfigSpec{MemoryMB: config.MemoryMB, DeviceChange: config.DeviceChange}
	}
	res, err := methods.RecommendDatastores(ctx, c.soap, &types.RecommendDatastores{
		This: *c.soap.content.StorageResourceManager,
		StorageSpec: types.StoragePlacementSpec{
			Type:             string(types.StoragePlacementSpecPlacementTypeClone),
			Vm:               &call.This,
			Folder:           &call.Folder,
			CloneName:        call.Name,
			CloneSpec:        &spec,
			PodSelectionSpec: types.StorageDrsPodSelectionSpec{StoragePod: &pod},
			// Of a recommendation that is not applied, nothing is moved out of the way.
			DisallowPrerequisiteMoves: types.NewBool(true),
			ResourceLeaseDurationSec:  recommendationLease,
		},
	})
	if err != nil {
		if ctx.Err() != nil || c.explain(err).Transient() {
			return nil, err
		}
		return nil, nil
	}
	var refs []string
	for _, r := range res.Returnval.Recommendations {
		for _, action := range r.Action {
			if placed, ok := action.(*types.StoragePlacementAction); ok {
				refs = append(refs, placed.Destination.String())
				break // the first is that of the VM itself
			}
		}
	}
	return refs, nil
}
