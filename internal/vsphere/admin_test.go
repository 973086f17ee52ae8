package vsphere_test

import (
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// admin runs f with a client of its own, as an administrator would work.
func (v *vcenter) admin(f func(client *govmomi.Client)) {
	v.t.Helper()
	u, err := soap.ParseURL(v.URL())
	v.must(err)
	u.User = userinfo(v.Username(), v.Password())
	client, err := govmomi.NewClient(v.t.Context(), u, true)
	v.must(err)
	defer func() { _ = client.Logout(v.t.Context()) }()
	f(client)
}

// setOption changes a VM's extra configuration.
func (v *vcenter) setOption(vm, key, value string) {
	v.t.Helper()
	v.admin(func(client *govmomi.Client) {
		task, err := object.NewVirtualMachine(client.Client, reference(vm)).Reconfigure(v.t.Context(), types.VirtualMachineConfigSpec{
			ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: key, Value: value}},
		})
		v.must(err)
		v.must(task.Wait(v.t.Context()))
	})
}

// rename gives an object another name.
func (v *vcenter) rename(ref, name string) {
	v.t.Helper()
	v.admin(func(client *govmomi.Client) {
		task, err := object.NewCommon(client.Client, reference(ref)).Rename(v.t.Context(), name)
		v.must(err)
		v.must(task.Wait(v.t.Context()))
	})
}

func reference(text string) types.ManagedObjectReference {
	var ref types.ManagedObjectReference
	ref.FromString(text)
	return ref
}
