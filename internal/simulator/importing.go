package simulator

import (
	"slices"
	"time"

	"github.com/vmware/govmomi/object"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ImportVApp makes a machine of an OVF and returns the lease by which its
// disks are uploaded.
func (o *overrides) ImportVApp(ctx *vcsim.Context, req *types.ImportVApp) soap.HasFault {
	pool, ok := get[*vcsim.ResourcePool](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	spec, ok := req.Spec.(*types.VirtualMachineImportSpec)
	if !ok || spec.ConfigSpec.Files == nil {
		return refuse(invalidArgument("spec"))
	}
	if req.Folder == nil {
		return refuse(invalidArgument("folder"))
	}
	return o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		if err := o.s.checkImport(ctx, pool, req, spec); err != nil {
			return refuse(err)
		}
		res := pool.ImportVApp(ctx, req)
		if body, ok := res.(*methods.ImportVAppBody); ok && body.Res != nil {
			awaitLease(ctx, body.Res.Returnval)
			o.s.beginImport(ctx, body.Res.Returnval)
		}
		return res
	})
}

// checkImport refuses what vcsim would crash on and picks a host, which vcsim
// does by overwriting its list of hosts.
func (s *Simulator) checkImport(
	ctx *vcsim.Context, pool *vcsim.ResourcePool, req *types.ImportVApp, spec *types.VirtualMachineImportSpec,
) fault {
	folder, ok := get[*vcsim.Folder](ctx, *req.Folder)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: *req.Folder}
	}
	if ref, taken := child(ctx, folder, spec.ConfigSpec.Name); taken {
		return &types.DuplicateName{Name: spec.ConfigSpec.Name, Object: ref}
	}
	dc, ok := datacenterOf(ctx, folder.Self)
	if !ok {
		return invalidArgument("folder")
	}
	cluster, ok := get[*vcsim.ClusterComputeResource](ctx, pool.Owner)
	if !ok {
		return invalidArgument("pool")
	}
	var file object.DatastorePath
	file.FromString(spec.ConfigSpec.Files.VmPathName)
	for _, ref := range cluster.Host {
		host, ok := get[*vcsim.HostSystem](ctx, ref)
		if !ok || req.Host != nil && *req.Host != ref {
			continue
		}
		if ctx.Map.FindByName(file.Datastore, host.Datastore) != nil {
			req.Host = &ref
			break
		}
	}
	if req.Host == nil || !slices.Contains(cluster.Host, *req.Host) {
		return &types.InvalidDatastore{Name: file.Datastore}
	}
	if ds := s.datastore(ctx, file.Datastore); ds != nil && ds.Summary.FreeSpace < diskSpace(spec) {
		return &types.NoDiskSpace{FileFault: types.FileFault{File: spec.ConfigSpec.Files.VmPathName}, Datastore: ds.Name}
	}
	for i, change := range spec.ConfigSpec.DeviceChange {
		if nic, ok := change.GetVirtualDeviceConfigSpec().Device.(types.BaseVirtualEthernetCard); ok {
			if err := checkNIC(ctx, dc, *req.Host, nic, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitLease waits until vcsim has made the machine behind a lease, which it
// does in the background.
func awaitLease(ctx *vcsim.Context, ref types.ManagedObjectReference) {
	lease, ok := ctx.Session.Get(ref).(*vcsim.HttpNfcLease)
	if !ok {
		return
	}
	reader := new(vcsim.Context)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var state types.HttpNfcLeaseState
		ctx.Map.WithLock(reader, lease, func() { state = lease.State })
		if state != types.HttpNfcLeaseStateInitializing {
			return
		}
	}
}
