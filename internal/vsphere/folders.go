package vsphere

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// datacenterIn finds a datacenter by reference, name or path.
func (inv *inventory) datacenterIn(datacenter string) (*node, error) {
	for _, n := range inv.all(nil, "Datacenter") {
		if n.ref.String() == datacenter {
			return n, nil
		}
	}
	n, problem := choice{
		field: "datacenter", kind: "datacenter", wanted: datacenter, where: "vCenter " + inv.server,
		from: inv.all(nil, "Datacenter"), user: inv.user,
	}.pick()
	if problem != nil {
		return nil, &Error{Reason: problem.Detail}
	}
	return n, nil
}

// CreateFolder implements engine.VCenter. Each folder that it makes is one
// call; one that another run makes at the same time is used.
func (c *Client) CreateFolder(ctx context.Context, datacenter, path string) (string, []string, error) {
	op := fmt.Sprintf("create VM folder %q", path)
	inv, err := c.readInventory(ctx, false)
	if err != nil {
		return "", nil, c.failed(op, err)
	}
	dc, err := inv.datacenterIn(datacenter)
	if err != nil {
		return "", nil, c.failed(op, err)
	}
	at, missing, blocked := inv.walk(dc, path)
	switch {
	case at == nil:
		return "", nil, &Error{Op: op, Reason: fmt.Sprintf("the VM folder of datacenter %q is not visible", dc.name), kind: kindPermission}
	case blocked != nil:
		return "", nil, &Error{Op: op, Reason: fmt.Sprintf("%q is a %s", blocked.path(), blocked.ref.Type), kind: kindExists}
	}
	ref := at.ref
	var created []string
	for _, p := range missing {
		child, made, err := c.createChild(ctx, ref, p[strings.LastIndex(p, "/")+1:])
		if err != nil {
			return "", created, c.failed(fmt.Sprintf("create VM folder %q", p), err)
		}
		ref = child
		c.site.paths.Store(ref, inv.vmFolder(dc).path()+"/"+p)
		if made {
			created = append(created, p)
		}
	}
	return ref.String(), created, nil
}

// createChild makes a folder, or answers the one that is there by now.
func (c *Client) createChild(ctx context.Context, parent types.ManagedObjectReference, name string) (types.ManagedObjectReference, bool, error) {
	res, err := methods.CreateFolder(ctx, c.soap, &types.CreateFolder{This: parent, Name: name})
	if err == nil {
		return res.Returnval, true, nil
	}
	fault, _ := methodFault(err)
	if f, ok := fault.(*types.DuplicateName); ok && f.Object.Type == "Folder" {
		return f.Object, false, nil
	}
	return parent, false, err
}

// DeleteFolder implements engine.VCenter. What comes into the folder between the
// look and the call is unregistered at worst, never deleted from disk: that is
// why it is not a plain destroy.
func (c *Client) DeleteFolder(ctx context.Context, datacenter, path string) error {
	op := fmt.Sprintf("delete VM folder %q", path)
	inv, err := c.readInventory(ctx, false)
	if err != nil {
		return c.failed(op, err)
	}
	dc, err := inv.datacenterIn(datacenter)
	if err != nil {
		return c.failed(op, err)
	}
	at, missing, blocked := inv.walk(dc, path)
	if at == nil || len(missing) > 0 || blocked != nil || at == inv.vmFolder(dc) {
		return nil // gone, or never a folder of ours
	}
	for _, n := range inv.nodes {
		if n.parent == at {
			return nil
		}
	}
	if empty, err := c.emptyFolder(ctx, at.ref); err != nil || !empty {
		return c.failed(op, err)
	}
	res, err := methods.UnregisterAndDestroy_Task(ctx, c.soap, &types.UnregisterAndDestroy_Task{This: at.ref})
	if err == nil {
		err = c.wait(ctx, c.started(res.Returnval, operation{name: op}))
	}
	if errors.Is(err, engine.ErrGone) || isFault[*types.ManagedObjectNotFound](err) {
		return nil
	}
	return c.failed(op, err)
}

// emptyFolder asks the folder itself, which also knows of vApps and of children
// that this account may not read.
func (c *Client) emptyFolder(ctx context.Context, folder types.ManagedObjectReference) (bool, error) {
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{folder}, map[string][]string{"Folder": {"childEntity"}}))
	if err != nil || len(found) == 0 {
		return false, err
	}
	if f := found[0].denied(); f != nil {
		return false, c.explainFault(f, "")
	}
	return len(found[0].refs("childEntity")) == 0, nil
}
