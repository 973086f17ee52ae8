package vsphere

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/sharedread"
)

// datastoreSet is a set of datastores.
type datastoreSet map[types.ManagedObjectReference]bool

// policyReads are what was read of storage policies, for all who ask.
type policyReads struct {
	list       sharedread.Read[[]storagePolicy]
	compatible sync.Map // id: *sharedread.Read[datastoreSet]
}

// storagePolicies are what a survey knows of the storage policies that its names ask for.
type storagePolicies struct {
	all        []storagePolicy
	compatible map[string]datastoreSet // by id
	// failed is why nothing is known of them.
	failed *Error
}

// readPolicies reads the policies that placements name. What cannot be read is told where it is asked
// for; what may be read in a moment is an error.
func (c *Client) readPolicies(
	ctx context.Context, inv *inventory, names *model.Names, own []marked, maxAge time.Duration,
) (*storagePolicies, error) {
	wanted := names.StoragePolicies()
	if len(wanted) == 0 {
		return nil, nil
	}
	found := &storagePolicies{compatible: map[string]datastoreSet{}}
	err := c.findPolicies(ctx, found, inv, wanted, own, maxAge)
	if err == nil {
		return found, nil
	}
	failed := c.explain(err)
	if ctx.Err() != nil || failed.Transient() {
		return nil, c.failed("read the storage policies", err)
	}
	return &storagePolicies{failed: failed}, nil
}

func (c *Client) findPolicies(
	ctx context.Context, found *storagePolicies, inv *inventory, wanted []string, own []marked, maxAge time.Duration,
) error {
	var err error
	found.all, err = c.reads.policies.list.Get(ctx, maxAge, c.policies.list)
	if err != nil {
		return err
	}
	for _, name := range wanted {
		policy, ok := found.named(name, own)
		if !ok || found.compatible[policy.id] != nil {
			continue
		}
		read, _ := c.reads.policies.compatible.LoadOrStore(policy.id, &sharedread.Read[datastoreSet]{})
		found.compatible[policy.id], err = read.(*sharedread.Read[datastoreSet]).Get(ctx, maxAge,
			func(ctx context.Context) (datastoreSet, error) {
				return c.policies.compatible(ctx, policy.id, inv.byType["Datastore"])
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// named finds a policy: by its name, or, where it was renamed, as the one that machines were
// built with under that name.
func (p *storagePolicies) named(name string, own []marked) (storagePolicy, bool) {
	if i := slices.IndexFunc(p.all, func(policy storagePolicy) bool { return policy.name == name }); i >= 0 {
		return p.all[i], true
	}
	for _, m := range own {
		if m.marker.StoragePolicy != name {
			continue
		}
		i := slices.IndexFunc(p.all, func(policy storagePolicy) bool { return policy.id == m.marker.References.StoragePolicy })
		if i >= 0 {
			return p.all[i], true
		}
	}
	return storagePolicy{}, false
}

// policyDatastores fills in the datastores that the nodes of a placement with a storage policy
// can be on, and returns them.
func (r *resolver) policyDatastores(
	ref model.PlacementRef, name string, cluster, network *node, resolved *model.ResolvedPlacement,
) []*node {
	field := ref.Field(model.FieldStoragePolicy)
	policy, ok := r.storagePolicy(field, name)
	if !ok {
		return nil
	}
	resolved.StoragePolicy = policy.id
	if cluster == nil {
		return nil // which datastores are meant depends on the compute cluster
	}
	var usable []*node
	var left []string
	for _, n := range r.below(r.dc.ref, "Datastore") {
		if !r.policies.compatible[policy.id][n.ref] || !listedBy(cluster, "datastore")(n) {
			continue
		}
		state := r.unusable(n, cluster, network)
		if state == "" {
			usable = append(usable, n)
		} else {
			left = append(left, n.name+" "+state)
		}
	}
	if len(usable) == 0 {
		slices.Sort(left)
		refuse := r.noRoom
		if len(left) == 0 {
			refuse = r.refuse // what is not compatible is no matter of now
		}
		refuse(field, fmt.Sprintf("No datastore fits storage policy %q", name),
			"No datastore that hosts of compute cluster %q reach and that takes disks now is compatible with the storage policy %q%s. "+
				"Make one compatible, or choose another policy or another compute cluster.",
			cluster.name, policy.name, inBrackets(model.Listed(left)))
		return nil
	}
	resolved.Choices = choicesOf(usable)
	resolved.Space = spaceOf(usable...)
	return usable
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// storagePolicy finds the policy of a name, or reports why there is none.
func (r *resolver) storagePolicy(field model.Field, name string) (storagePolicy, bool) {
	if failed := r.policies.failed; failed != nil {
		r.refuse(field, "Storage policies cannot be read", "The storage policy %q is looked up with the account %q, and %s.%s",
			name, r.user, failed.Reason, policyAdvice(failed))
		return storagePolicy{}, false
	}
	policy, ok := r.policies.named(name, r.own)
	if !ok {
		var names []string
		for _, other := range r.policies.all {
			names = append(names, other.name)
		}
		r.refuse(field, fmt.Sprintf("Unknown storage policy %q", name), "vCenter %s has no VM storage policy of that name. Available: %s.",
			r.server, orNone(model.Listed(names)))
		return policy, false
	}
	if policy.name != name {
		r.findings.Warn(field, fmt.Sprintf("Storage policy %q was renamed", name),
			"The storage policy that the nodes were built with as %q is %q now, and there is none of the former name. New nodes use it. "+
				"Set its present name: that changes nothing of the existing nodes.", name, policy.name)
	}
	return policy, true
}

func policyAdvice(failed *Error) string {
	if failed.kind == kindPermission {
		return " Grant it StorageProfile.View on the root object, which is called \"VM storage policies: View\" since vSphere 8.0 and " +
			"\"Profile-driven storage view\" before."
	}
	return " Look whether vCenter's service for storage policies (vmware-sps) runs."
}

// setPolicy gives the home and the disks of a clone a storage policy.
func setPolicy(location *types.VirtualMachineRelocateSpec, policy string, disks []*types.VirtualDisk) {
	if policy == "" {
		return
	}
	profile := []types.BaseVirtualMachineProfileSpec{&types.VirtualMachineDefinedProfileSpec{ProfileId: policy}}
	location.Profile = profile // of the home alone
	for _, disk := range disks {
		location.Disk = append(location.Disk, types.VirtualMachineRelocateSpecDiskLocator{
			DiskId:       disk.Key,
			Datastore:    *location.Datastore,
			DiskMoveType: location.DiskMoveType,
			Profile:      profile,
		})
	}
}
