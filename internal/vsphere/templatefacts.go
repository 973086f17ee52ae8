package vsphere

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TemplateFacts are what vCenter knows of a template.
type TemplateFacts struct {
	Path        string
	IsTemplate  bool // false: a VM that is powered off
	HasSnapshot bool // as linked clones need

	GuestID         string
	GuestName       string
	Firmware        string // bios or efi
	SecureBoot      bool
	HardwareVersion int64
	CPUs            int64
	MemoryMB        int64
	Disks           []TemplateDisk
	NetworkAdapters []TemplateNIC
	// Tools is what vCenter says of VMware Tools, in its words. Of a VM that never ran, such
	// as an OVA that was imported, it says that they are not installed.
	Tools string
}

// TemplateDisk is a disk of a template.
type TemplateDisk struct {
	Label     string
	SizeGB    int64 // rounded up
	Thin      bool
	Datastore string // name
}

// TemplateNIC is a network adapter of a template, which no clone keeps.
type TemplateNIC struct {
	Label   string
	Type    string // as govmomi calls it, such as VirtualVmxnet3
	Network string // name; empty where vCenter does not say
}

// Template reads what vCenter knows of a template, in at most two calls. What keeps nodes from
// being cloned from it is in the findings, beside what is known all the same; that it is not
// found is an error.
func (c *Client) Template(ctx context.Context, datacenter string, image model.Image) (*TemplateFacts, model.Findings, error) {
	inv, err := c.tree(ctx, 0)
	if err != nil {
		return nil, model.Findings{}, err
	}
	r := &resolver{inventory: inv}
	r.dc = r.choose(choice{
		field:  model.ClusterField(model.FieldDatacenter),
		kind:   "datacenter",
		wanted: datacenter,
		where:  "vCenter " + inv.server,
		from:   inv.byType["Datacenter"],
	})
	if r.dc != nil {
		r.image("", image)
	}
	if len(r.templates) == 0 {
		return nil, r.findings, nil
	}
	details, denied, err := c.details(ctx, nil, nil, r.templates, 0)
	if err != nil {
		return nil, model.Findings{}, err
	}
	t := r.templates[0]
	if f := denied[t.ref]; f != nil {
		return nil, model.Findings{}, c.denied(t.path, f)
	}
	r.describeTemplates(c, details)
	return inv.templateFacts(t, details[t.ref]), r.findings, nil
}

func (inv *inventory) templateFacts(t *chosenTemplate, p properties) *TemplateFacts {
	f := &TemplateFacts{
		Path:            t.path,
		IsTemplate:      !t.IsVM,
		HasSnapshot:     t.Snapshot != "",
		GuestID:         value[string](p, "config.guestId"),
		GuestName:       value[string](p, "config.guestFullName"),
		Firmware:        value[string](p, "config.firmware"),
		SecureBoot:      value[bool](p, "config.bootOptions.efiSecureBootEnabled"),
		HardwareVersion: hardwareVersion(p),
		CPUs:            int64(value[int32](p, "config.hardware.numCPU")),
		MemoryMB:        int64(value[int32](p, "config.hardware.memoryMB")),
		Tools:           value[string](p, "guest.toolsVersionStatus2"),
	}
	devices := devicesOf(p)
	for _, disk := range devices.disks {
		f.Disks = append(f.Disks, inv.templateDisk(disk))
	}
	for _, nic := range devices.nics {
		f.NetworkAdapters = append(f.NetworkAdapters, inv.templateNIC(nic))
	}
	return f
}

func (inv *inventory) templateDisk(disk *types.VirtualDisk) TemplateDisk {
	d := TemplateDisk{Label: deviceLabel(disk), SizeGB: gigabytes(disk)}
	if backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
		d.Thin = backing.ThinProvisioned != nil && *backing.ThinProvisioned
	}
	if file, ok := disk.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		if ds := file.GetVirtualDeviceFileBackingInfo().Datastore; ds != nil {
			d.Datastore = inv.nameOf(*ds)
		}
	}
	return d
}

func (inv *inventory) templateNIC(nic types.BaseVirtualDevice) TemplateNIC {
	n := TemplateNIC{Label: deviceLabel(nic), Type: strings.TrimPrefix(fmt.Sprintf("%T", nic), "*types.")}
	switch backing := nic.GetVirtualDevice().Backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		n.Network = backing.DeviceName
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		n.Network = inv.nameOf(types.ManagedObjectReference{Type: "DistributedVirtualPortgroup", Value: backing.Port.PortgroupKey})
	}
	return n
}

// nameOf is the name of an object; empty where it is not in the inventory.
func (inv *inventory) nameOf(ref types.ManagedObjectReference) string {
	if n := inv.nodes[ref]; n != nil {
		return n.name
	}
	return ""
}

// hardwareVersion is the number of vmx-19; 0: vCenter does not say.
func hardwareVersion(p properties) int64 {
	text, ok := strings.CutPrefix(value[string](p, "config.version"), "vmx-")
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(text, 10, 32)
	return n
}

// deviceLabel is what the vSphere Client calls a device.
func deviceLabel(device types.BaseVirtualDevice) string {
	d := device.GetVirtualDevice()
	if d.DeviceInfo != nil && d.DeviceInfo.GetDescription().Label != "" {
		return d.DeviceInfo.GetDescription().Label
	}
	return fmt.Sprintf("device %d", d.Key)
}
