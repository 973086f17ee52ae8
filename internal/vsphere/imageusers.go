package vsphere

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// imageUsers finds out what uses a template: the VMs whose marker says that they were cloned from
// it, of whichever cluster, and all whose disks are links of its disks. In its datacenter, from
// where alone there are clones, what cannot be read may be one of them.
func (c *Client) imageUsers(ctx context.Context, inv *inventory, template, dc *node, made *model.MadeImage, maxAge time.Duration) error {
	all, err := c.reads.disks.Get(ctx, maxAge, c.readDisks)
	if err != nil {
		return c.failed("read the disks of all VMs", err)
	}
	disks, snapshots := all.disks, all.snapshots
	files := map[diskFile]bool{}
	for _, p := range append(slices.Clone(snapshots[template.ref]), disks[template.ref]) {
		for _, file := range chainsOf(p) {
			files[file] = true
		}
	}
	links := func(ref types.ManagedObjectReference) bool {
		return slices.ContainsFunc(append(slices.Clone(snapshots[ref]), disks[ref]), func(p properties) bool {
			return slices.ContainsFunc(chainsOf(p), func(file diskFile) bool { return files[file] })
		})
	}
	if len(files) == 0 {
		made.Unjudged = append(made.Unjudged, fmt.Sprintf("%s itself, of which no disk can be read", template.path))
	}
	made.ForeignDisks = foreignDisks(disks[template.ref])
	for _, n := range inv.byType["VirtualMachine"] {
		if n == template {
			continue
		}
		p, read := disks[n.ref]
		_, devices := p.values["config.hardware.device"]
		marker, isNode := markerOf(n.properties)
		switch {
		case links(n.ref), isNode && inv.clonedFrom(marker, template):
			made.Users = append(made.Users, model.ImageUser{Path: n.path, Cluster: marker.Cluster})
		case !read || p.vanished():
			// deleted since
		case dc != nil && !n.within(dc.ref):
		case isNode && !marker.Understood():
			made.Unjudged = append(made.Unjudged, n.path+" (made by a newer Gantry)")
		default:
			if why := c.unjudged(n, p, devices); why != "" {
				made.Unjudged = append(made.Unjudged, fmt.Sprintf("%s (%s)", n.path, why))
			}
		}
	}
	c.madeMeanwhile(inv, disks, links, made)
	made.Unjudged = append(made.Unjudged, c.hiddenIn(inv, dc)...)
	made.Held = slices.Clip(inv.fleet.held)
	return nil
}

// madeMeanwhile adds the VMs that the inventory does not have, which was read before their disks.
func (c *Client) madeMeanwhile(
	inv *inventory, disks map[types.ManagedObjectReference]properties, links func(types.ManagedObjectReference) bool, made *model.MadeImage,
) {
	for ref, p := range disks {
		_, devices := p.values["config.hardware.device"]
		switch {
		case inv.nodes[ref] != nil || p.vanished():
		case links(ref):
			made.Users = append(made.Users, model.ImageUser{Path: fmt.Sprintf("%s (%s)", value[string](p, "name"), ref.Value)})
		case p.denied() != nil || !devices:
			made.Unjudged = append(made.Unjudged, fmt.Sprintf("%s (%s), which was made a moment ago", value[string](p, "name"), ref.Value))
		}
	}
}

// clonedFrom reports whether the marker of a machine says that it was cloned from a template. Where
// its reference means nothing any more, as in a vCenter that was restored, its name does.
func (inv *inventory) clonedFrom(m marker, template *node) bool {
	if m.TemplateRef == template.ref.String() {
		return true
	}
	return inv.pathOf(m.TemplateRef) == "" && m.Template != "" &&
		(inventoryname.MayMatch(template.path, m.Template) || template.named(path.Base(m.Template)))
}

// unjudged says why of a VM cannot be said whether it is a clone; empty: it is none.
func (c *Client) unjudged(n *node, p properties, devices bool) string {
	state := value[types.VirtualMachineConnectionState](n.properties, "runtime.connectionState")
	switch {
	case n.denied() != nil:
		return c.missingPrivilege(n.denied())
	case p.denied() != nil:
		return c.missingPrivilege(p.denied())
	case state != "" && state != types.VirtualMachineConnectionStateConnected:
		return fmt.Sprintf("it is %s: connect its host, or remove it from the inventory", state)
	case unreadable(n) || !devices:
		return "vCenter returns no configuration of it now, as while it is being made"
	}
	return ""
}

// hiddenIn are the folders of a datacenter that cannot be read.
func (c *Client) hiddenIn(inv *inventory, dc *node) []string {
	if dc == nil {
		return []string{"the datacenter of the template, which cannot be read"}
	}
	var hidden []string
	for _, n := range inv.below(dc.ref, "Folder", "VirtualApp") {
		if n.denied() != nil {
			hidden = append(hidden, fmt.Sprintf("%s (%s)", n.path, c.missingPrivilege(n.denied())))
		}
	}
	return hidden
}

// allDisks are the devices of all VMs, and of their snapshots by their VMs.
type allDisks struct {
	disks     map[types.ManagedObjectReference]properties
	snapshots map[types.ManagedObjectReference][]properties
}

// readDisks reads them in one call, which plans of several images share.
func (c *Client) readDisks(ctx context.Context) (*allDisks, error) {
	spec := types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{
			Obj: c.soap.content.RootFolder, Skip: types.NewBool(false), SelectSet: withSnapshots(treeSteps()),
		}},
		PropSet: []types.PropertySpec{
			{Type: "VirtualMachine", PathSet: []string{"name", "config.hardware.device", "config.files.vmPathName"}},
			{Type: "VirtualMachineSnapshot", PathSet: snapshotProperties},
		},
	}
	found, err := c.retrieve(ctx, spec)
	if err != nil {
		return nil, err
	}
	all := &allDisks{
		disks:     make(map[types.ManagedObjectReference]properties, len(found)),
		snapshots: map[types.ManagedObjectReference][]properties{},
	}
	for _, p := range found {
		if p.ref.Type == "VirtualMachineSnapshot" {
			vm := value[types.ManagedObjectReference](p, "vm")
			all.snapshots[vm] = append(all.snapshots[vm], p)
			continue
		}
		all.disks[p.ref] = p
	}
	return all, nil
}

// withSnapshots has steps through the inventory go on from each VM to its snapshots.
func withSnapshots(steps []types.BaseSelectionSpec) []types.BaseSelectionSpec {
	of := &types.SelectionSpec{Name: "snapshots"}
	for _, step := range steps {
		if t, ok := step.(*types.TraversalSpec); ok && (t.Name == "children" || t.Name == "vapp vms") {
			t.SelectSet = append(t.SelectSet, of)
		}
	}
	deeper := &types.SelectionSpec{Name: "deeper snapshots"}
	return append(steps,
		&types.TraversalSpec{
			SelectionSpec: *of, Type: "VirtualMachine", Path: "rootSnapshot", SelectSet: []types.BaseSelectionSpec{deeper},
		},
		&types.TraversalSpec{
			SelectionSpec: *deeper, Type: "VirtualMachineSnapshot", Path: "childSnapshot", SelectSet: []types.BaseSelectionSpec{deeper},
		})
}

// diskFile is a file of a disk. Datastores of two datacenters may have one name.
type diskFile struct{ datastore, name string }

// chainsOf are the files of a VM's disks and of those that they are links of.
func chainsOf(p properties) []diskFile {
	var files []diskFile
	for _, disk := range devicesOf(p).disks {
		for backing := disk.Backing; backing != nil; backing = parentBacking(backing) {
			file, ok := backing.(types.BaseVirtualDeviceFileBackingInfo)
			if !ok {
				break
			}
			info := file.GetVirtualDeviceFileBackingInfo()
			at := diskFile{name: info.FileName}
			if info.Datastore != nil {
				at.datastore = info.Datastore.Value
			}
			files = append(files, at)
		}
	}
	return files
}

// parentBacking is what a disk is a link of; nil: nothing.
func parentBacking(backing types.BaseVirtualDeviceBackingInfo) types.BaseVirtualDeviceBackingInfo {
	switch b := backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		if b.Parent != nil {
			return b.Parent
		}
	case *types.VirtualDiskSeSparseBackingInfo:
		if b.Parent != nil {
			return b.Parent
		}
	case *types.VirtualDiskSparseVer2BackingInfo:
		if b.Parent != nil {
			return b.Parent
		}
	case *types.VirtualDiskFlatVer1BackingInfo:
		if b.Parent != nil {
			return b.Parent
		}
	case *types.VirtualDiskSparseVer1BackingInfo:
		if b.Parent != nil {
			return b.Parent
		}
	}
	return nil
}

// foreignDisks are the disks of a template beside the one that it was made with.
func foreignDisks(p properties) []string {
	var foreign []string
	home, _, _ := splitFile(value[string](p, "config.files.vmPathName"))
	for i, disk := range devicesOf(p).disks {
		file, _, _ := backingFile(disk)
		dir, _, _ := splitFile(file)
		volume := disk.VDiskId != nil && disk.VDiskId.Id != ""
		if i > 0 || volume || dir != home {
			foreign = append(foreign, strings.TrimSpace(deviceLabel(disk)+" "+file))
		}
	}
	return foreign
}
