package vsphere_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// attach makes a zone tag and attaches it to an object.
func (v *vcenter) attach(category, name, object string) {
	v.t.Helper()
	m := v.manager()
	id, err := m.CreateTag(v.t.Context(), &tags.Tag{CategoryID: v.category(m, category), Name: name})
	v.must(err)
	var ref types.ManagedObjectReference
	ref.FromString(object)
	v.must(m.AttachTag(v.t.Context(), id, ref))
}

func (v *vcenter) category(m *tags.Manager, name string) string {
	v.t.Helper()
	all, err := m.GetCategories(v.t.Context())
	v.must(err)
	for _, c := range all {
		if c.Name == name {
			return c.ID
		}
	}
	id, err := m.CreateCategory(v.t.Context(), &tags.Category{Name: name, Cardinality: "MULTIPLE", AssociableTypes: []string{}})
	v.must(err)
	return id
}

func TestZonesOfTheStandardInventory(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	cluster := site.Placements[controlPlane].ComputeCluster
	var zones model.ZoneTags
	calls := v.calls(func() {
		var err error
		zones, err = v.client.Zones(t.Context(), site.Datacenter, []string{cluster}, 0)
		v.must(err)
	})
	if got := zones.Of(cluster); got != (model.Zone{Region: "region-1", Zone: "zone-a"}) || !zones.Listed {
		t.Fatalf("zones %+v", zones)
	}
	if calls.Total != 6 { // login, what is attached, two tags, two categories
		t.Fatalf("zones took %+v", calls)
	}
	calls = v.calls(func() {
		_, err := v.client.Zones(t.Context(), site.Datacenter, []string{cluster}, 0)
		v.must(err)
	})
	if calls.Total != 1 { // what is attached
		t.Fatalf("zones of the next cluster took %+v", calls)
	}
	all, err := v.client.ZoneTags(t.Context(), "dc-1")
	v.must(err)
	if all.Region != "region-1" || all.Zones["cluster-b"] != "zone-b" || len(all.Untagged)+len(all.Duplicates)+len(all.Invalid) > 0 {
		t.Fatalf("zone tags %+v", all)
	}
	other, err := v.client.ZoneTags(t.Context(), "dc-2")
	v.must(err)
	if other.Region != "" || len(other.Untagged) != 1 || other.Untagged[0] != "cluster-d" {
		t.Fatalf("zone tags %+v", other)
	}
}

// TestMachineZones says where VMs are and not where they were placed, in one call that all
// who ask at the same moment share.
func TestMachineZones(t *testing.T) {
	t.Parallel()
	v := start(t)
	moves, stays := v.cloneOff(request(v.site(), "moves")), v.cloneOff(request(v.site(), "stays"))
	v.must(v.MigrateVM("moves", "cluster-c"))
	_ = v.site() // has read the tree
	zones := func(vms ...string) map[string]model.Zone {
		t.Helper()
		found, err := v.client.MachineZones(t.Context(), vms, time.Minute)
		v.must(err)
		return found
	}
	var found map[string]model.Zone
	calls := v.calls(func() { found = zones(moves, stays, "VirtualMachine:vm-gone") })
	if len(found) != 2 || found[moves] != (model.Zone{Region: "region-1", Zone: "zone-c"}) || found[stays].Zone != "zone-a" {
		t.Errorf("the zones are %v", found)
	}
	if lists := calls.REST["POST tag-association?list-attached-tags-on-objects"]; lists != 1 || calls.SOAP["RetrievePropertiesEx"] > 0 {
		t.Errorf("that took %+v", calls)
	}
	if calls := v.calls(func() { zones(stays) }); calls.Total != 0 {
		t.Errorf("for another cluster it took %+v", calls)
	}
}

// TestMachineZonesLeaveOutWhatIsNoLabel has a tag that kubelet would not take.
func TestMachineZonesLeaveOutWhatIsNoLabel(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) { o.Inventory.WithoutZoneTags = true })
	vm := v.cloneOff(request(v.site(), "vm"))
	v.attach("k8s-zone", "not a label", v.site().Placements[controlPlane].ComputeCluster)
	found, err := v.client.MachineZones(t.Context(), []string{vm}, 0)
	if err != nil || len(found) > 0 {
		t.Errorf("the zones are %v, %v", found, err)
	}
}

func TestZoneTagsThatMakeNoLabels(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) { o.Inventory.WithoutZoneTags = true })
	cluster := func(name string) string {
		return v.site(placed(func(p *model.Placement) { p.ComputeCluster = name })).Placements[controlPlane].ComputeCluster
	}
	a, b, c := cluster("cluster-a"), cluster("cluster-b"), cluster("cluster-c")
	dc := v.site().Datacenter
	v.attach("k8s-zone", "not a label", a)
	v.attach("k8s-zone", "one", b)
	v.attach("k8s-zone", "two", b)
	v.attach("backup", "daily", c)

	all, err := v.client.ZoneTags(t.Context(), "dc-1")
	v.must(err)
	if len(all.Invalid) != 3 || len(all.Zones) != 0 || len(all.Untagged) != 1 || all.Untagged[0] != "cluster-c" {
		t.Fatalf("zone tags %+v", all)
	}
	for ref, want := range map[string]string{a: "not a label", b: "2 tags"} {
		zones, err := v.client.Zones(t.Context(), dc, []string{ref}, 0)
		v.must(err)
		got := zones.Zones[ref]
		if got.Value != "" || got.Missing() || !strings.Contains(got.Problem, want) || !strings.Contains(got.Problem, "/dc-1/host/") {
			t.Errorf("it is %+v, want %q", got, want)
		}
	}
	zones, err := v.client.Zones(t.Context(), dc, []string{c}, 0)
	if v.must(err); !zones.Zones[c].Missing() || zones.Of(c) != (model.Zone{}) || !zones.Listed {
		t.Fatalf("zones %+v", zones)
	}
}

// A tag that the account may not list is not missing: where it sees none, that it could is
// what the mark of the ledger shows, or any tag.
func TestZonesThatMayNotBeListed(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) { o.Inventory.WithoutZoneTags = true })
	site := v.site()
	cluster := site.Placements[controlPlane].ComputeCluster
	listed := func() bool {
		t.Helper()
		zones, err := v.client.Zones(t.Context(), site.Datacenter, []string{cluster}, 0)
		v.must(err)
		return zones.Listed
	}
	if listed() {
		t.Error("no tag is anywhere, and tags are said to be listed")
	}
	v.category(v.manager(), "backup")
	id, err := v.manager().CreateTag(t.Context(), &tags.Tag{CategoryID: "backup", Name: "daily"})
	v.must(err)
	if !listed() {
		t.Error("a tag is there")
	}
	v.must(v.manager().DeleteTag(t.Context(), &tags.Tag{ID: id}))
	store := vsphere.NewTagStore(v.client)
	v.must(store.Create(t.Context(), ledger.Tag{ID: uuid.New(), Name: "record"}))
	if !listed() {
		t.Error("the ledger is there")
	}
	v.must(v.DenyPrivilegeOn(v.Username(), "System.Read", simulator.GlobalPermission))
	if listed() {
		t.Error("tags may not be listed")
	}
}

func TestSharedZonesAreDuplicates(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site(placed(func(p *model.Placement) { p.ComputeCluster = "cluster-b" }))
	m := v.manager()
	var a string
	for _, id := range v.tagsOf(m, "k8s-zone") {
		if id.Name == "zone-a" {
			a = id.ID
		}
		if id.Name == "zone-b" {
			v.must(m.DeleteTag(t.Context(), &id))
		}
	}
	var ref types.ManagedObjectReference
	ref.FromString(site.Placements[controlPlane].ComputeCluster)
	v.must(m.AttachTag(t.Context(), a, ref))
	all, err := v.client.ZoneTags(t.Context(), "dc-1")
	v.must(err)
	if got := strings.Join(all.Duplicates["zone-a"], " "); got != "cluster-a cluster-b" {
		t.Fatalf("zone tags %+v", all)
	}
}

func (v *vcenter) tagsOf(m *tags.Manager, category string) []tags.Tag {
	v.t.Helper()
	list, err := m.GetTagsForCategory(v.t.Context(), category)
	v.must(err)
	return list
}

// TestZonesOfOneRunAreReadOnce lets the nodes of an apply use what its plan has read a moment
// ago, unless a tag was changed by the same process since.
func TestZonesOfOneRunAreReadOnce(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) { o.Inventory.WithoutZoneTags = true })
	site := v.site()
	cluster := site.Placements[controlPlane].ComputeCluster
	other := v.site(placed(func(p *model.Placement) { p.ComputeCluster = "cluster-b" })).Placements[controlPlane].ComputeCluster
	expect := func(what, cluster string, maxAge time.Duration, value string, reads int) {
		t.Helper()
		var found model.ZoneTags
		calls := v.calls(func() {
			var err error
			found, err = v.client.Zones(t.Context(), site.Datacenter, []string{cluster}, maxAge)
			v.must(err)
		})
		got := calls.REST["POST tag-association?list-attached-tags-on-objects"]
		if found.Zones[cluster].Value != value || got != reads {
			t.Errorf("%s: the zone is %q after %d reads, want %q after %d", what, found.Zones[cluster].Value, got, value, reads)
		}
	}
	expect("the plan", cluster, time.Minute, "", 1)
	expect("the apply", cluster, time.Minute, "", 0)
	expect("who accepts nothing older", cluster, 0, "", 1)
	expect("another compute cluster", other, time.Minute, "", 1)

	object, err := v.client.ZoneObject(t.Context(), "dc-1", "cluster-a", 0)
	v.must(err)
	maker := vsphere.ZoneTagMaker{ID: object.ID}
	v.must(v.client.SetZoneTag(t.Context(), object, "zone-new", maker, vsphere.HeldZoneTag{}, &vsphere.ZoneTagState{}))
	expect("after a change", cluster, time.Minute, "zone-new", 1)
}
