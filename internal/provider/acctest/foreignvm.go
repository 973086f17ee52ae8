package acctest

import (
	"context"
	"net/url"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// AddForeignVM makes a VM that is not Gantry's and whose guest reports an
// address. DeleteVM deletes it.
func (e *Environment) AddForeignVM(name, address string) {
	e.t.Helper()
	if err := e.addForeignVM(e.t.Context(), name, address); err != nil {
		e.t.Fatalf("make the VM %s: %v", name, err)
	}
}

func (e *Environment) addForeignVM(ctx context.Context, name, address string) error {
	at, err := soap.ParseURL(e.URL())
	if err != nil {
		return err
	}
	at.User = url.UserPassword(e.Username(), e.Password())
	client, err := govmomi.NewClient(ctx, at, true)
	if err != nil {
		return err
	}
	defer func() { _ = client.Logout(context.WithoutCancel(ctx)) }()
	finder := find.NewFinder(client.Client)
	source, err := finder.VirtualMachine(ctx, "/dc-1/vm/templates/"+simulator.DefaultTemplate)
	if err != nil {
		return err
	}
	folder, err := finder.Folder(ctx, "/dc-1/vm/k8s")
	if err != nil {
		return err
	}
	pool, err := finder.ResourcePool(ctx, "/dc-1/host/cluster-a/Resources")
	if err != nil {
		return err
	}
	place := pool.Reference()
	task, err := source.Clone(ctx, folder, name, types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{Pool: &place}, PowerOn: true,
	})
	if err != nil {
		return err
	}
	if err := task.Wait(ctx); err != nil {
		return err
	}
	vm, err := finder.VirtualMachine(ctx, folder.InventoryPath+"/"+name)
	if err != nil {
		return err
	}
	// The simulator takes from this option what the guest would report.
	task, err = vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{
		&types.OptionValue{Key: "SET.guest.ipAddress", Value: address},
	}})
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}
