package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// MoveIntoFolder implements model.VCenter. Where the VMs are is read right before: a VM
// that is moved to where it is finds its own name taken.
func (c *Client) MoveIntoFolder(ctx context.Context, folder string, vms []string) (string, error) {
	defer c.site.changed()
	into, err := parseRef("Folder", folder)
	if err != nil {
		return "", err
	}
	refs, err := parseRefs(vms)
	if err != nil || len(refs) == 0 {
		return "", err
	}
	op := fmt.Sprintf("move VMs into folder %q", c.path(into))
	found, err := c.retrieve(ctx, objectsSpec(refs, map[string][]string{"VirtualMachine": {"parent"}}))
	if err != nil {
		return "", c.failed(op, err)
	}
	var elsewhere []types.ManagedObjectReference
	for _, p := range found {
		if f := p.denied(); f != nil {
			return "", c.failed(op, c.explainFault(f, ""))
		}
		parent, ok := p.values["parent"].(types.ManagedObjectReference)
		if p.vanished() || !ok || parent == into {
			continue // one without a folder is in a vApp, which is where it belongs
		}
		elsewhere = append(elsewhere, p.ref)
	}
	if len(elsewhere) == 0 {
		return "", nil
	}
	res, err := methods.MoveIntoFolder_Task(ctx, c.soap, &types.MoveIntoFolder_Task{This: into, List: elsewhere})
	if err != nil {
		return "", c.failed(op, err)
	}
	return c.started(res.Returnval, operation{name: op}), nil
}
