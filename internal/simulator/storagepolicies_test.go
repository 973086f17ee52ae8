package simulator_test

import (
	"testing"

	"github.com/vmware/govmomi/pbm"
	pbmtypes "github.com/vmware/govmomi/pbm/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// A storage policy is found by its name, and says which datastores are compatible.
func TestStoragePolicies(t *testing.T) {
	t.Parallel()
	d := start(t, func(o *simulator.Options) {
		o.Inventory.StoragePolicies = []simulator.StoragePolicy{{Name: "gold", Datastores: []string{"shared-1"}}}
	})
	client, err := pbm.NewClient(d.ctx, d.client.Client)
	d.must(err)
	id, err := client.ProfileIDByName(d.ctx, "gold")
	d.must(err)
	var hubs []pbmtypes.PbmPlacementHub
	for _, path := range []string{"/dc-1/datastore/shared-1", "/dc-1/datastore/local-a"} {
		datastore, err := d.finder.Datastore(d.ctx, path)
		d.must(err)
		ref := datastore.Reference()
		hubs = append(hubs, pbmtypes.PbmPlacementHub{HubType: ref.Type, HubId: ref.Value})
	}
	required := []pbmtypes.BasePbmPlacementRequirement{&pbmtypes.PbmPlacementCapabilityProfileRequirement{
		ProfileId: pbmtypes.PbmProfileId{UniqueId: id},
	}}
	result, err := client.CheckRequirements(d.ctx, hubs, nil, required)
	d.must(err)
	if fit := result.CompatibleDatastores(); len(fit) != 1 || fit[0] != hubs[0] {
		t.Errorf("compatible are %v", fit)
	}
	d.DenyPrivilege("", "StorageProfile.View")
	if _, err := client.CheckRequirements(d.ctx, hubs, nil, required); err == nil {
		t.Error("an account without the privilege sees policies")
	}
}
