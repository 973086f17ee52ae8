package simulator

import (
	"strings"

	"github.com/vmware/govmomi/ovf"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// severalVMs reports whether an OVF describes a vApp.
func severalVMs(descriptor string) bool {
	e, err := ovf.Unmarshal(strings.NewReader(descriptor))
	return err == nil && e.VirtualSystemCollection != nil
}

// makeVApp makes the vApp of an OVF of several VMs, without these.
func (d *ovfDeployment) makeVApp(ref, folder types.ManagedObjectReference) (made types.ManagedObjectReference, f fault) {
	d.s.serially(d.ctx, func(ctx *vcsim.Context) soap.HasFault {
		pool, ok := get[*vcsim.ResourcePool](ctx, ref)
		if !ok {
			f = &types.ManagedObjectNotFound{Obj: ref}
			return notFound(ref)
		}
		res := pool.CreateVApp(ctx, &types.CreateVApp{
			This: ref, Name: d.spec.Name, VmFolder: &folder, ResSpec: types.DefaultResourceConfigSpec(),
		})
		if body, ok := res.(*methods.CreateVAppBody); ok && body.Res != nil {
			made = body.Res.Returnval
			return res
		}
		f = &types.SystemError{Reason: "vApp"}
		return res
	})
	return made, f
}
