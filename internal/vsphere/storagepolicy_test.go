package vsphere_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// withPolicies has a policy of three datastores, one of a single one, and one that nothing fits.
func withPolicies(o *simulator.Options) {
	withPods(o)
	o.Inventory.StoragePolicies = []simulator.StoragePolicy{
		{Name: "gold", Datastores: []string{"pod-1a", "shared-1", "pod-2a"}},
		{Name: "silver", Datastores: []string{"pod-2b"}},
		{Name: "none"},
	}
}

func ofPolicy(name string) func(*model.Names) {
	return placed(func(p *model.Placement) {
		p.Datastore = ""
		p.StoragePolicy = name
	})
}

func TestAStoragePolicyIsResolvedToTheDatastoresThatFit(t *testing.T) {
	t.Parallel()
	v := start(t, withPolicies)
	v.free(map[string]int64{"pod-1a": 300, "shared-1": 500, "pod-2a": 200})
	v.must(v.SetMaintenance("pod-2a", true))
	var place model.ResolvedPlacement
	calls := v.calls(func() { place = v.site(ofPolicy("gold")).Placements[controlPlane] })
	// Beside the survey's two: where the service is, which policies there are, and what fits one.
	if calls.Total != 2+1+2+1 {
		t.Errorf("a survey took %d calls", calls.Total)
	}
	var names []string
	for _, c := range place.Choices {
		names = append(names, c.Name)
	}
	if !place.Complete() || place.Datastore != "" || place.StoragePolicy == "" || place.StorageDRS ||
		!slices.Equal(names, []string{"shared-1", "pod-1a"}) || place.Space.FreeGB != 800 {
		t.Errorf("placement %+v", place)
	}
	if len(place.Hosts) != 3 || !place.Hosts[0].Reaches() {
		t.Errorf("hosts %+v", place.Hosts)
	}
	if calls := v.calls(func() { v.site(ofPolicy("gold")) }); calls.Total != 2+2+1 {
		t.Errorf("another survey took %d calls", calls.Total)
	}
}

func TestAStoragePolicyThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	v := start(t, withPolicies)
	v.must(v.SetMaintenance("pod-2b", true))
	refused := func(name, says string) {
		t.Helper()
		survey := v.survey(names(ofPolicy(name)))
		p := survey.Findings.Problems
		if len(p) != 1 || p[0].Fields[0] != controlPlane.Field(model.FieldStoragePolicy) || !strings.Contains(p[0].Detail, says) {
			t.Errorf("%s: %v", name, p)
		}
		if place := survey.Site.Placements[controlPlane]; place.Complete() || place.Network.Ref == "" {
			t.Errorf("%s: %+v", name, place)
		}
	}
	refused("Gold", "Available: gold, none, silver")
	refused("none", "is compatible with the storage policy \"none\". Make one compatible")
	refused("silver", "(pod-2b is in maintenance mode)")
	v.DenyPrivilege("", "StorageProfile.View")
	refused("gold", "Grant it StorageProfile.View on the root object")
}

// A policy that was renamed is still the one that nodes have.
func TestAStoragePolicyThatWasRenamed(t *testing.T) {
	t.Parallel()
	v := start(t, withPolicies)
	site := v.site(ofPolicy("gold"))
	v.clone(request(site, "prod-cp-1", full, func(r *model.CloneRequest) {
		r.Marker.StoragePolicy = "gold"
		r.Marker.References = r.Placement.References()
	}))
	v.must(v.SetStoragePolicy("gold", simulator.StoragePolicy{Name: "platinum", Datastores: []string{"shared-1"}}))
	survey := v.survey(names(ofPolicy("gold")))
	w := survey.Findings.Warnings
	if len(w) != 1 || !strings.Contains(w[0].Detail, `is "platinum" now`) || survey.Findings.Err() != nil ||
		survey.Site.Placements[controlPlane].StoragePolicy != site.Placements[controlPlane].StoragePolicy {
		t.Errorf("%v, %v", w, survey.Findings.Problems)
	}
}

// The home and each disk of a clone have the policy, also of a linked one, and vCenter says
// whether they comply.
func TestClonesHaveTheirStoragePolicy(t *testing.T) {
	t.Parallel()
	v := start(t, withPolicies)
	v.free(map[string]int64{"pod-1a": 300, "shared-1": 500, "pod-2a": 200})
	vm := v.clone(request(v.site(ofPolicy("gold")), "prod-cp-1", full))
	if got := v.datastoresOf(vm); !slices.Equal(got, []string{"shared-1"}) {
		t.Errorf("the VM is on %v", got)
	}
	site := v.site(ofPolicy("gold"), func(n *model.Names) { n.Image.Template = "in-pod" })
	linked := v.clone(request(site, "prod-cp-2", func(r *model.CloneRequest) { r.Mode = model.CloneLinked }))
	for _, name := range []string{"prod-cp-1", "prod-cp-2"} {
		if home, disks := v.StoragePoliciesOf(name); home != "gold" || !slices.Equal(disks, []string{"gold"}) {
			t.Errorf("%s has %q, %q", name, home, disks)
		}
	}
	expect := func(want map[string]model.StorageCompliance) {
		t.Helper()
		got, err := v.client.StorageCompliance(t.Context(), []string{vm, linked})
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
	}
	expect(map[string]model.StorageCompliance{vm: model.StorageCompliant, linked: model.StorageCompliant})
	v.must(v.SetStoragePolicy("gold", simulator.StoragePolicy{Name: "gold", Datastores: []string{"pod-1a"}}))
	expect(map[string]model.StorageCompliance{vm: model.StorageNotCompliant, linked: model.StorageCompliant})
	v.ExpireSessions()
	expect(map[string]model.StorageCompliance{vm: model.StorageNotCompliant, linked: model.StorageCompliant})
}
