package vsphere_test

import (
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// setOption changes a VM's extra configuration with a client of its own, as an
// administrator would.
func (v *vcenter) setOption(vm, key, value string) {
	v.t.Helper()
	u, err := soap.ParseURL(v.URL())
	v.must(err)
	u.User = userinfo(v.Username(), v.Password())
	client, err := govmomi.NewClient(v.t.Context(), u, true)
	v.must(err)
	defer func() { _ = client.Logout(v.t.Context()) }()
	var ref types.ManagedObjectReference
	ref.FromString(vm)
	task, err := object.NewVirtualMachine(client.Client, ref).Reconfigure(v.t.Context(), types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: key, Value: value}},
	})
	v.must(err)
	v.must(task.Wait(v.t.Context()))
}
