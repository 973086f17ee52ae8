package simulator_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// datacenter is a running simulator and a client that is logged in to it.
type datacenter struct {
	*simulator.Simulator
	*testing.T
	ctx    context.Context
	client *govmomi.Client
	finder *find.Finder
}

func start(t *testing.T, opts ...func(*simulator.Options)) *datacenter {
	t.Helper()
	var o simulator.Options
	for _, set := range opts {
		set(&o)
	}
	sim, err := simulator.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	d := &datacenter{Simulator: sim, T: t, ctx: ctx}
	d.client = d.login(sim.Username(), sim.Password())
	d.finder = find.NewFinder(d.client.Client)
	dc, err := d.finder.Datacenter(ctx, "dc-1")
	d.must(err)
	d.finder.SetDatacenter(dc)
	return d
}

func (d *datacenter) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *datacenter) url(user, password string) *url.URL {
	u, err := url.Parse(d.URL())
	d.must(err)
	u.User = url.UserPassword(user, password)
	return u
}

func (d *datacenter) login(user, password string) *govmomi.Client {
	d.Helper()
	c, err := govmomi.NewClient(d.ctx, d.url(user, password), true)
	d.must(err)
	return c
}

func (d *datacenter) tagManager() *tags.Manager {
	d.Helper()
	c := rest.NewClient(d.client.Client)
	d.must(c.Login(d.ctx, url.UserPassword(d.Username(), d.Password())))
	return tags.NewManager(c)
}

func (d *datacenter) vm(path string) *object.VirtualMachine {
	d.Helper()
	vm, err := d.finder.VirtualMachine(d.ctx, path)
	d.must(err)
	return vm
}

func (d *datacenter) properties(ref mo.Reference, paths ...string) mo.VirtualMachine {
	d.Helper()
	var vm mo.VirtualMachine
	d.must(d.client.RetrieveOne(d.ctx, ref.Reference(), paths, &vm))
	return vm
}

// placement is a pool, datastore and folder by name.
type placement struct{ cluster, datastore, folder string }

var inA = placement{"cluster-a", "shared-1", "k8s"}

// relocate returns the location of a clone.
func (d *datacenter) relocate(p placement) types.VirtualMachineRelocateSpec {
	d.Helper()
	pool, err := d.finder.ResourcePool(d.ctx, p.cluster+"/Resources/gantry")
	d.must(err)
	ds, err := d.finder.Datastore(d.ctx, p.datastore)
	d.must(err)
	return types.VirtualMachineRelocateSpec{
		Pool: types.NewReference(pool.Reference()), Datastore: types.NewReference(ds.Reference()),
	}
}

func (d *datacenter) folder(name string) *object.Folder {
	d.Helper()
	folder, err := d.finder.Folder(d.ctx, name)
	d.must(err)
	return folder
}

const template = "templates/gantry-node-1.37.2"

// clone clones the template and returns the new machine or why it failed.
func (d *datacenter) clone(name string, edit ...func(*types.VirtualMachineCloneSpec)) (*object.VirtualMachine, error) {
	d.Helper()
	spec := types.VirtualMachineCloneSpec{Location: d.relocate(inA), Config: &types.VirtualMachineConfigSpec{}}
	for _, e := range edit {
		e(&spec)
	}
	task, err := d.vm(template).Clone(d.ctx, d.folder("k8s"), name, spec)
	if err != nil {
		return nil, err
	}
	info, err := task.WaitForResult(d.ctx)
	if err != nil {
		return nil, err
	}
	return object.NewVirtualMachine(d.client.Client, info.Result.(types.ManagedObjectReference)), nil
}

func (d *datacenter) mustClone(name string, edit ...func(*types.VirtualMachineCloneSpec)) *object.VirtualMachine {
	d.Helper()
	vm, err := d.clone(name, edit...)
	d.must(err)
	return vm
}

func (d *datacenter) wait(task *object.Task, err error) {
	d.Helper()
	d.must(err)
	d.must(task.Wait(d.ctx))
}

// faultOf is the name of the vSphere fault in err's chain.
func isFault[T any](err error) bool {
	if err == nil {
		return false
	}
	var vim any
	switch {
	case soap.IsSoapFault(err):
		vim = soap.ToSoapFault(err).VimFault()
	case soap.IsVimFault(err):
		vim = soap.ToVimFault(err)
	default:
		if t, ok := err.(interface{ Fault() types.BaseMethodFault }); ok {
			vim = t.Fault()
		}
	}
	if _, ok := vim.(T); ok {
		return true
	}
	ptr, ok := vim.(*T)
	return ok && ptr != nil
}

func TestStandardInventory(t *testing.T) {
	t.Parallel()
	d := start(t)
	for _, path := range []string{
		"/dc-1/host/cluster-a/Resources/gantry", "/dc-1/host/cluster-c", "/dc-1/datastore/shared-1", "/dc-1/datastore/local-b",
		"/dc-1/network/dvpg-nodes", "/dc-1/network/dvpg-b", "/dc-1/network/VM Network", "/dc-1/vm/k8s",
		"/dc-1/vm/templates/gantry-node-1.37.2", "/dc-1/vm/templates/gantry-node-1.37.2-nosnap",
		"/dc-1/vm/templates/gantry-node-1.36.3", "/dc-2/host/cluster-d/Resources/gantry",
	} {
		ref, err := object.NewSearchIndex(d.client.Client).FindByInventoryPath(d.ctx, path)
		if err != nil || ref == nil {
			t.Errorf("%s: %v, %v", path, ref, err)
		}
	}
	if got := d.client.ServiceContent.About.Version; got != simulator.DefaultVersion {
		t.Errorf("version %s", got)
	}
	if !d.Leftovers().Empty() {
		t.Errorf("leftovers at the start: %+v", d.Leftovers())
	}
}

// BenchmarkStart is what each test with a simulated datacenter begins with.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		sim, err := simulator.Start(simulator.Options{})
		if err != nil {
			b.Fatal(err)
		}
		_ = sim.Close()
	}
}
