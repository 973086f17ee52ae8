package simulator_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const team = "team@vsphere.local"

func withTeam(o *simulator.Options) { o.Users = map[string]string{team: "secret"} }

// read asks for the name and the configuration of a machine by its reference.
func (d *datacenter) read(c *property.Collector, ref types.ManagedObjectReference) types.ObjectContent {
	d.Helper()
	res, err := c.RetrieveProperties(d.ctx, types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{{
		ObjectSet:                     []types.ObjectSpec{{Obj: ref}},
		PropSet:                       []types.PropertySpec{{Type: ref.Type, PathSet: []string{"name", "config.uuid"}}},
		ReportMissingObjectsInResults: types.NewBool(true),
	}}})
	d.must(err)
	if len(res.Returnval) != 1 {
		d.Fatalf("%d objects", len(res.Returnval))
	}
	return res.Returnval[0]
}

func missing(o types.ObjectContent) []string {
	var paths []string
	for _, m := range o.MissingSet {
		if f, ok := m.Fault.Fault.(*types.NoPermission); ok {
			paths = append(paths, m.Path+" "+f.PrivilegeId)
		}
	}
	slices.Sort(paths)
	return paths
}

func TestWhatMayNotBeSeenIsLeftOut(t *testing.T) {
	t.Parallel()
	d := start(t, withTeam)
	vm := d.mustClone("n1")
	d.must(d.MoveVM("n1", "/dc-1/vm/hidden"))
	d.must(d.DenyPrivilegeOn(team, "System.View", "/dc-1/vm/hidden"))
	client := d.login(team, "secret")
	collector := property.DefaultCollector(client.Client)

	kinds := []string{"VirtualMachine", "Folder"}
	v, err := view.NewManager(client.Client).CreateContainerView(d.ctx, client.ServiceContent.RootFolder, kinds, true)
	d.must(err)
	var entities []mo.ManagedEntity
	d.must(v.Retrieve(d.ctx, []string{"ManagedEntity"}, []string{"name"}, &entities))
	var names []string
	for _, e := range entities {
		names = append(names, e.Name)
	}
	if slices.Contains(names, "n1") || slices.Contains(names, "hidden") || !slices.Contains(names, "k8s") {
		t.Errorf("a view shows %v", names)
	}
	var root mo.Folder
	d.must(collector.RetrieveOne(d.ctx, d.folder("/dc-1/vm").Reference(), []string{"childEntity"}, &root))
	var all mo.Folder
	d.must(property.DefaultCollector(d.client.Client).RetrieveOne(d.ctx, d.folder("/dc-1/vm").Reference(), []string{"childEntity"}, &all))
	if len(root.ChildEntity) != len(all.ChildEntity)-1 {
		t.Errorf("children %d of %d", len(root.ChildEntity), len(all.ChildEntity))
	}

	if got := missing(d.read(collector, vm.Reference())); !slices.Equal(got, []string{"config.uuid System.View", "name System.View"}) {
		t.Errorf("by reference: %v", got)
	}
	if _, err := methods.PowerOnVM_Task(d.ctx, client.Client, &types.PowerOnVM_Task{This: vm.Reference()}); !isFault[types.NoPermission](err) {
		t.Errorf("a method: %v", err)
	}
	id := vm.UUID(d.ctx)
	if found, err := object.NewSearchIndex(client.Client).FindByUuid(d.ctx, nil, id, true, nil); err != nil || found != nil {
		t.Errorf("a search finds %v, %v", found, err)
	}
	if found, err := object.NewSearchIndex(d.client.Client).FindByUuid(d.ctx, nil, id, true, nil); err != nil || found == nil {
		t.Errorf("the search of another account finds %v, %v", found, err)
	}
	d.RestorePrivileges()
	if got := missing(d.read(collector, vm.Reference())); got != nil {
		t.Errorf("after all: %v", got)
	}
}

func TestWhatMayNotBeReadShowsItsNameAlone(t *testing.T) {
	t.Parallel()
	d := start(t, withTeam)
	vm := d.mustClone("n1")
	d.must(d.DenyPrivilegeOn(team, "System.Read", "/dc-1/vm/k8s"))
	o := d.read(property.DefaultCollector(d.login(team, "secret").Client), vm.Reference())
	if got := missing(o); !slices.Equal(got, []string{"config.uuid System.Read"}) || len(o.PropSet) != 1 || o.PropSet[0].Name != "name" {
		t.Errorf("%v, %v", got, o.PropSet)
	}
	if err := d.DenyPrivilegeOn(team, "System.Read", "/dc-1/vm/none"); err == nil {
		t.Error("a privilege was taken on an object that does not exist")
	}
}

func TestTagsThatMayNotBeReadAreLeftOut(t *testing.T) {
	t.Parallel()
	d := start(t, withTeam)
	c := rest.NewClient(d.login(team, "secret").Client)
	d.must(c.Login(d.ctx, url.UserPassword(team, "secret")))
	m := tags.NewManager(c)
	before, err := m.ListTags(d.ctx)
	if err != nil || len(before) == 0 {
		t.Fatalf("%v, %v", before, err)
	}
	dc, err := d.finder.Datacenter(d.ctx, "dc-1")
	d.must(err)
	d.must(d.DenyPrivilegeOn(team, "System.Read", "/dc-1"))
	if _, err := m.ListAttachedTagsOnObjects(d.ctx, []mo.Reference{dc}); !rest.IsStatusError(err, http.StatusForbidden) {
		t.Errorf("the tags of an object that may not be read: %v", err)
	}
	d.RestorePrivileges()
	d.must(d.DenyPrivilegeOn(team, "System.Read", simulator.GlobalPermission))
	if left, err := m.ListTags(d.ctx); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	if attached, err := m.ListAttachedTagsOnObjects(d.ctx, []mo.Reference{dc}); err != nil || len(attached) != 0 {
		t.Errorf("%v, %v", attached, err)
	}
	if _, err := m.GetTag(d.ctx, before[0]); !rest.IsStatusError(err, http.StatusForbidden) {
		t.Errorf("a tag: %v", err)
	}
	if still, err := d.tagManager().ListTags(d.ctx); err != nil || len(still) != len(before) {
		t.Errorf("the other account: %v, %v", still, err)
	}
}
