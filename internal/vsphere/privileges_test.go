package vsphere_test

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

const (
	team     = "team-a@vsphere.local"
	password = "first-Secret1!"
)

// withTeam adds the user of a cloud account to a simulated datacenter.
func withTeam(o *simulator.Options) { o.Users = map[string]string{team: password} }

// grantRoles gives a user the roles of a cloud account, as the guide has it, less a privilege.
func (v *vcenter) grantRoles(less string) {
	v.t.Helper()
	v.RestorePrivileges()
	role := func(r privileges.Role, objects ...string) {
		ids := slices.DeleteFunc(privileges.Granted(r, ""), func(id string) bool { return id == less })
		v.must(v.Grant(team, ids, r.Propagates(), objects...))
	}
	role(privileges.RootLevel, "/", "/dc-1")
	v.must(v.Grant(team, nil, false, "/dc-1/vm", "/dc-1/host", "/dc-1/datastore", "/dc-1/network"))
	role(privileges.ClusterLevel, "/dc-1/vm/k8s", "/dc-1/vm/templates", "/dc-1/host/cluster-a", "/dc-1/datastore/shared-1",
		"/dc-1/network/dvpg-nodes")
}

// teamClient is logged in as the account.
func (v *vcenter) teamClient() *vsphere.Client {
	v.t.Helper()
	as := v.config()
	as.Username, as.Password = team, password
	client, err := v.pool.Get(v.t.Context(), as)
	v.must(err)
	return client
}

// operations are what Gantry does as an account: each is prepared with all privileges, and
// returns what does it.
func operations(v *vcenter, as *vsphere.Client) map[string]func() func() error {
	ctx := v.t.Context()
	site := v.site()
	task := func(task string, err error) error {
		if err != nil {
			return err
		}
		return v.finish(task).Err
	}
	clone := func(change func(*model.CloneRequest)) func() error {
		return func() error {
			return task(as.Clone(ctx, request(site, "n"+time.Now().Format("150405.000000000"), change)))
		}
	}
	machine := func(do func(vm string) error) func() func() error {
		return func() func() error {
			vm := v.cloneOff(request(site, "m"+time.Now().Format("150405.000000000")))
			return func() error { return do(vm) }
		}
	}
	return map[string]func() func() error{
		"clone": func() func() error {
			return clone(func(r *model.CloneRequest) { r.DiskGB += 10 })
		},
		"clone a VM": func() func() error {
			vm := v.cloneOff(request(site, "v"+time.Now().Format("150405.000000000")))
			return clone(func(r *model.CloneRequest) { r.Template = model.Template{Ref: vm, Path: "/dc-1/vm/k8s/v"} })
		},
		"power on": machine(func(vm string) error { return task(as.PowerOn(ctx, vm)) }),
		"power off": func() func() error {
			vm := v.clone(request(site, "p"+time.Now().Format("150405.000000000")))
			return func() error { return task(as.PowerOff(ctx, vm)) }
		},
		"bootstrap data": machine(func(vm string) error { return task(as.SetGuestInfo(ctx, vm, map[string]string{"guestinfo.a": "b"})) }),
		"wipe":           machine(func(vm string) error { return task(as.WipeUserdata(ctx, vm)) }),
		"notes":          machine(func(vm string) error { return task(as.SetNotes(ctx, vm, "changed")) }),
		"detach":         machine(func(vm string) error { return task(as.DetachDisks(ctx, vm, []int32{v.disks(vm)[0].Key})) }),
		"delete":         machine(func(vm string) error { return task(as.Destroy(ctx, vm)) }),
		"move": machine(func(vm string) error {
			folder, err := v.createFolder(site.Datacenter, "k8s/moved")
			v.must(err)
			return task(as.MoveIntoFolder(ctx, folder, []string{vm}))
		}),
		"make a folder": func() func() error {
			return func() error {
				_, err := as.CreateFolder(ctx, site.Datacenter, "k8s/f"+time.Now().Format("150405.000000000"), 0)
				return err
			}
		},
		"delete a folder": func() func() error {
			folder, err := v.createFolder(site.Datacenter, "k8s/f"+time.Now().Format("150405.000000000"))
			v.must(err)
			return func() error {
				_, err := as.DeleteFolder(ctx, folder)
				return err
			}
		},
		"store a file": func() func() error {
			in := v.snapshots()
			return func() error { return as.StoreFile(ctx, in, "prod-1.db", writes("text")) }
		},
	}
}

// neededBy are the operations that fail without a privilege.
var neededBy = map[string][]string{
	"Datastore.AllocateSpace":                     {"clone"},
	"Datastore.Browse":                            {"store a file"},
	"Datastore.FileManagement":                    {"store a file"},
	"Folder.Create":                               {"make a folder"},
	"Folder.Delete":                               {"delete a folder"},
	"Network.Assign":                              {"clone"},
	"Resource.AssignVMToPool":                     {"clone"},
	"VApp.ApplicationConfig":                      {"clone"},
	"VirtualMachine.Config.AddNewDisk":            {"clone"},
	"VirtualMachine.Config.AddRemoveDevice":       {"clone"},
	"VirtualMachine.Config.AdvancedConfig":        {"clone", "bootstrap data", "wipe"},
	"VirtualMachine.Config.Annotation":            {"clone", "notes"},
	"VirtualMachine.Config.CPUCount":              {"clone"},
	"VirtualMachine.Config.DiskExtend":            {"clone"},
	"VirtualMachine.Config.EditDevice":            {"clone"},
	"VirtualMachine.Config.Memory":                {"clone"},
	"VirtualMachine.Config.RemoveDisk":            {"detach"},
	"VirtualMachine.Config.Rename":                {"clone", "notes"},
	"VirtualMachine.Config.Settings":              {"clone"},
	"VirtualMachine.Interact.PowerOff":            {"power off"},
	"VirtualMachine.Interact.PowerOn":             {"power on"},
	"VirtualMachine.Inventory.CreateFromExisting": {"clone"},
	"VirtualMachine.Inventory.Delete":             {"delete"},
	"VirtualMachine.Inventory.Move":               {"move"},
	"VirtualMachine.Provisioning.Clone":           {"clone a VM"},
	"VirtualMachine.Provisioning.DeployTemplate":  {"clone"},
}

// provenElsewhere are rows that another test takes away.
var provenElsewhere = map[string]string{
	"Datastore.Config": "TestFilesAreStoredOnVSAN",
	"Global.LogEvent":  "TestEventOfAVM",
	// Of the engine.
	"Host.Inventory.EditCluster":                 "TestRulesWithoutThePrivilege",
	"VApp.Import":                                "TestImportNeedsItsPrivileges",
	"VirtualMachine.Inventory.Create":            "TestImportNeedsItsPrivileges",
	"VirtualMachine.Provisioning.MarkAsTemplate": "TestImportNeedsItsPrivileges",
	"VirtualMachine.State.CreateSnapshot":        "TestImportNeedsItsPrivileges",
	"System.Read":                                "TestTemplateThatTheAccountCannotRead", // every role has it

	"InventoryService.Tagging.ObjectAttachable": "TestVMTagsNeedPrivileges of the engine",
}

// TestEachPrivilegeIsNeeded carries out every operation with the roles of the table, and then
// with each privilege left out that the table says Gantry uses: what uses it fails and names
// it, and nothing else does.
func TestEachPrivilegeIsNeeded(t *testing.T) {
	t.Parallel()
	v := start(t, withTeam)
	as := v.teamClient()
	do := operations(v, as)
	v.grantRoles("")
	for name, prepare := range do {
		if err := prepare()(); err != nil {
			t.Errorf("with both roles: %s: %v", name, err)
		}
	}
	for _, row := range privileges.Table() {
		ours := slices.ContainsFunc(row.Uses, func(u privileges.Use) bool { return u.By == privileges.Gantry })
		if row.Role != privileges.ClusterLevel || !ours {
			continue
		}
		if provenElsewhere[row.ID] != "" {
			continue
		}
		if len(neededBy[row.ID]) == 0 {
			t.Errorf("no operation proves that Gantry uses %s", row.ID)
		}
		for _, name := range neededBy[row.ID] {
			v.RestorePrivileges()
			run := do[name]()
			v.grantRoles(row.ID)
			if err := run(); !errors.Is(err, model.ErrPermission) || !strings.Contains(err.Error(), row.ID) {
				t.Errorf("%s without %s: %v", name, row.ID, err)
			}
		}
	}
}

// TestNoOtherPrivilegeIsNeeded carries out every operation with those privileges alone that
// the table says Gantry uses.
func TestNoOtherPrivilegeIsNeeded(t *testing.T) {
	t.Parallel()
	v := start(t, withTeam)
	do := operations(v, v.teamClient())
	v.must(v.Grant(team, nil, false, "/", "/dc-1", "/dc-1/vm", "/dc-1/host", "/dc-1/datastore", "/dc-1/network"))
	v.must(v.Grant(team, slices.Collect(maps.Keys(neededBy)), true,
		"/dc-1/vm/k8s", "/dc-1/vm/templates", "/dc-1/host/cluster-a", "/dc-1/datastore/shared-1", "/dc-1/network/dvpg-nodes"))
	for name, prepare := range do {
		if err := prepare()(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTemplateThatTheAccountCannotRead(t *testing.T) {
	t.Parallel()
	v := start(t, withTeam)
	as, site := v.teamClient(), v.site()
	v.grantRoles("")
	v.must(v.DenyPrivilegeOn(team, "System.Read", "/dc-1/vm/templates"))
	_, err := as.Clone(t.Context(), request(site, "n1"))
	if !errors.Is(err, model.ErrPermission) || !strings.Contains(err.Error(), "System.Read") {
		t.Errorf("got %v", err)
	}
}

// TestLacks asks for the privileges of users, by what they are on.
func TestLacks(t *testing.T) {
	t.Parallel()
	v := start(t, withTeam)
	site := v.site()
	template, datastore := site.Template.Ref, site.Placements[controlPlane].Datastore
	v.grantRoles("Datastore.AllocateSpace")
	ids := []string{"Datastore.AllocateSpace", "Datastore.Browse"}
	objects := map[string][]string{datastore: ids, template: {"Folder.Create"}, site.Datacenter: ids}
	ask := func(client *vsphere.Client, req model.PrivilegeRequest) map[string][]string {
		t.Helper()
		lacks, err := client.Lacks(t.Context(), req)
		v.must(err)
		return lacks
	}
	same := func(a, b map[string][]string) bool { return maps.EqualFunc(a, b, slices.Equal[[]string]) }
	want := map[string][]string{datastore: ids[:1], template: {}, site.Datacenter: ids[:1]}
	for _, req := range []model.PrivilegeRequest{{User: team}, {User: strings.ToUpper(team)}, {}} {
		req.Objects = objects
		client := v.client
		if req.User == "" {
			client = v.teamClient()
		}
		calls := v.calls(func() {
			if lacks := ask(client, req); !same(lacks, want) {
				t.Errorf("%q lacks %v, want %v", req.User, lacks, want)
			}
		})
		if calls.Total != 1 {
			t.Errorf("took %+v", calls)
		}
	}
	none := map[string][]string{datastore: {}, template: {}, site.Datacenter: {}}
	if lacks := ask(v.client, model.PrivilegeRequest{Objects: objects}); !same(lacks, none) {
		t.Errorf("the provider's user lacks %v", lacks)
	}
	if lacks := ask(v.client, model.PrivilegeRequest{User: "team-a", Objects: objects}); len(lacks) > 0 {
		t.Errorf("of a user without a domain vCenter says %v", lacks)
	}

	// What is gone or hidden is left out, and asked for what there is.
	v.must(v.DenyPrivilegeOn(v.Username(), "System.View", "/dc-1/datastore/shared-1"))
	lacks := ask(v.client, model.PrivilegeRequest{User: team, Objects: map[string][]string{
		datastore: ids, template: {"Folder.Create"}, "VirtualMachine:vm-404": ids,
	}})
	if !same(lacks, map[string][]string{template: {}}) {
		t.Errorf("of what is hidden and what is gone: %v", lacks)
	}
}

// TestPrivilegesAreReadOnce asks for many clusters at the same moment.
func TestPrivilegesAreReadOnce(t *testing.T) {
	t.Parallel()
	v := start(t, withTeam)
	site := v.site()
	ask := func(maxAge time.Duration, objects ...string) error {
		req := model.PrivilegeRequest{User: team, Objects: map[string][]string{}, MaxAge: maxAge}
		for _, o := range objects {
			req.Objects[o] = []string{"Network.Assign"}
		}
		_, err := v.client.Lacks(t.Context(), req)
		return err
	}
	calls := v.calls(func() {
		done := make(chan error)
		for range 10 {
			go func() { done <- ask(time.Minute, site.Folder.Ref, site.Template.Ref) }()
		}
		var err error
		for range 10 {
			err = cmp.Or(err, <-done)
		}
		v.must(err)
	})
	if calls.Total != 1 {
		t.Errorf("ten at the same moment took %+v", calls)
	}
	if calls = v.calls(func() { v.must(ask(time.Minute, site.Folder.Ref, site.Datacenter)) }); calls.Total != 1 {
		t.Errorf("one more object took %+v", calls)
	}
	if calls = v.calls(func() { v.must(ask(0, site.Folder.Ref)) }); calls.Total != 1 {
		t.Errorf("a read that may not be old took %+v", calls)
	}
}
