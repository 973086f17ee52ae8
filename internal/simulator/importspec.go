package simulator

import (
	"strings"

	"github.com/vmware/govmomi/ovf"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// CreateImportSpec runs vcsim's and adds what it leaves out: the options that an OVF sets in
// the configuration, and that networks have to be mapped. What it would crash on is refused.
func (o *overrides) CreateImportSpec(ctx *vcsim.Context, req *types.CreateImportSpec) soap.HasFault {
	manager, ok := get[*vcsim.OvfManager](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	e, err := ovf.Unmarshal(strings.NewReader(req.OvfDescriptor))
	if err != nil {
		return refuse(invalidArgument("ovfDescriptor"))
	}
	if _, ok := get[*vcsim.Datastore](ctx, req.Datastore); !ok {
		return notFound(req.Datastore)
	}
	if e.VirtualSystem == nil || len(e.VirtualSystem.VirtualHardware) == 0 || e.Disk == nil {
		return refuse(invalidArgument("ovfDescriptor"))
	}
	mapped := map[string]bool{}
	for _, m := range req.Cisp.GetOvfCreateImportSpecParams().NetworkMapping {
		mapped[m.Name] = true
	}
	res := manager.CreateImportSpec(ctx, req)
	body, ok := res.(*methods.CreateImportSpecBody)
	if !ok || body.Res == nil {
		return res
	}
	spec, ok := body.Res.Returnval.ImportSpec.(*types.VirtualMachineImportSpec)
	if !ok {
		return res
	}
	for _, option := range e.VirtualSystem.VirtualHardware[0].ExtraConfig {
		spec.ConfigSpec.ExtraConfig = append(spec.ConfigSpec.ExtraConfig, &types.OptionValue{Key: option.Key, Value: option.Value})
	}
	if e.Network != nil {
		for _, n := range e.Network.Networks {
			if !mapped[n.Name] {
				f := &types.OvfNoHostNic{}
				body.Res.Returnval.Error = append(body.Res.Returnval.Error, types.LocalizedMethodFault{
					Fault: f, LocalizedMessage: "The network " + n.Name + " is not mapped.",
				})
			}
		}
	}
	return res
}

// diskSpace is what the disks of a new machine take when they are full.
func diskSpace(spec *types.VirtualMachineImportSpec) int64 {
	var size int64
	for _, change := range spec.ConfigSpec.DeviceChange {
		if disk, ok := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk); ok {
			size += max(disk.CapacityInBytes, disk.CapacityInKB<<10)
		}
	}
	return size
}
