package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// CreateFolder implements model.VCenter. One that another run creates at the same time
// is used, and where a survey shows what is gone by now, the tree is read.
func (c *Client) CreateFolder(ctx context.Context, datacenter, folder string, maxAge time.Duration) ([]record.Folder, error) {
	defer c.site.changed()
	levels, err := c.createFolder(ctx, datacenter, folder, maxAge)
	if maxAge > 0 && errors.Is(err, model.ErrGone) {
		return c.createFolder(ctx, datacenter, folder, 0)
	}
	return levels, err
}

func (c *Client) createFolder(ctx context.Context, datacenter, folder string, maxAge time.Duration) ([]record.Folder, error) {
	op := fmt.Sprintf("create VM folder %q", folder)
	inv, dc, err := c.folderTree(ctx, datacenter, maxAge)
	if err != nil {
		return nil, c.failed(op, err)
	}
	at, missing, blocked := inv.walk(dc, folder)
	switch {
	case at == nil:
		return nil, c.failed(op, c.hiddenVMFolder(dc))
	case blocked != nil:
		return nil, &Error{Op: op, Reason: fmt.Sprintf("%q is a %s", blocked.path, blocked.ref.Type), kind: kindExists}
	}
	ref, levels := at.ref, inv.levels(dc, at)
	for _, p := range missing {
		// vCenter escapes what it is given, so that an escaped name would be so twice.
		if ref, err = c.createChild(ctx, ref, inventoryname.Base(p)); err != nil {
			return nil, c.failed(fmt.Sprintf("create VM folder %q", p), err)
		}
		c.site.paths.Store(ref, inv.vmFolder(dc).path+"/"+p)
		levels = append(levels, record.Folder{Path: p, Ref: ref.String()})
	}
	return levels, nil
}

// levels are the folders from below the datacenter's VM folder to one of them.
func (inv *inventory) levels(dc, at *node) []record.Folder {
	root := inv.vmFolder(dc)
	var levels []record.Folder
	for n := at; n != nil && n != root; n = n.parent {
		levels = append(levels, record.Folder{Path: strings.TrimPrefix(n.path, root.path+"/"), Ref: n.ref.String()})
	}
	slices.Reverse(levels)
	return levels
}

// FindFolder implements model.VCenter.
func (c *Client) FindFolder(ctx context.Context, datacenter, folder string) (string, error) {
	op := fmt.Sprintf("find VM folder %q", folder)
	inv, dc, err := c.folderTree(ctx, datacenter, 0)
	if errors.Is(err, model.ErrGone) {
		return "", nil
	}
	if err != nil {
		return "", c.failed(op, err)
	}
	at, missing, blocked := inv.walk(dc, folder)
	if at == nil {
		return "", c.failed(op, c.hiddenVMFolder(dc))
	}
	if len(missing) > 0 || blocked != nil || at == inv.vmFolder(dc) {
		return "", nil
	}
	return at.ref.String(), nil
}

// folderTree finds a datacenter by reference in a tree that may have no VMs; maxAge is as
// in tree.
func (c *Client) folderTree(ctx context.Context, datacenter string, maxAge time.Duration) (*inventory, *node, error) {
	ref, err := parseRef("Datacenter", datacenter)
	if err != nil {
		return nil, nil, err
	}
	inv, err := c.bareTree(ctx, maxAge)
	if err != nil {
		return nil, nil, err
	}
	if dc := inv.nodes[ref]; dc != nil {
		return inv, dc, nil
	}
	// Either it was deleted, or it cannot be read: vCenter says which.
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref}, map[string][]string{"Datacenter": {"name"}}))
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 || found[0].vanished() {
		return nil, nil, &Error{Reason: fmt.Sprintf("the datacenter %s no longer exists", c.path(ref)), kind: kindGone}
	}
	return nil, nil, &Error{
		Reason: fmt.Sprintf("the account %q cannot read the datacenter %s", c.config.Username, c.path(ref)),
		Advice: "grant it read access there",
		kind:   kindPermission,
	}
}

func (c *Client) hiddenVMFolder(dc *node) error {
	return &Error{
		Reason: fmt.Sprintf("the account %q cannot read the VM folder of datacenter %q", c.config.Username, dc.name),
		Advice: "grant it read access there",
		kind:   kindPermission,
	}
}

// createChild creates a folder, or returns the one that exists by now.
func (c *Client) createChild(
	ctx context.Context, parent types.ManagedObjectReference, name string,
) (types.ManagedObjectReference, error) {
	res, err := methods.CreateFolder(ctx, c.soap, &types.CreateFolder{This: parent, Name: name})
	if err == nil {
		return res.Returnval, nil
	}
	fault, _ := methodFault(err)
	if f, ok := fault.(*types.DuplicateName); ok && f.Object.Type == "Folder" {
		return f.Object, nil
	}
	return parent, err
}

// DeleteFolder implements model.VCenter. What comes into the folder between the
// check and the call is unregistered at worst, never deleted from disk: that is
// why it is not a plain destroy.
func (c *Client) DeleteFolder(ctx context.Context, folder string) (left bool, err error) {
	defer c.site.changed()
	ref, err := parseRef("Folder", folder)
	if err != nil {
		return false, err
	}
	op := fmt.Sprintf("delete VM folder %q", c.path(ref))
	empty, err := c.emptyFolder(ctx, ref)
	if errors.Is(err, model.ErrGone) {
		return false, nil
	}
	if err != nil || !empty {
		return true, c.failed(op, err)
	}
	res, err := methods.UnregisterAndDestroy_Task(ctx, c.soap, &types.UnregisterAndDestroy_Task{This: ref})
	if err == nil {
		err = c.wait(ctx, c.started(res.Returnval, operation{name: op}))
	}
	if errors.Is(err, model.ErrGone) || isFault[*types.ManagedObjectNotFound](err) {
		return false, nil
	}
	return err != nil, c.failed(op, err)
}

// emptyFolder asks the folder itself, which also knows of vApps and of children
// that this account may not read.
func (c *Client) emptyFolder(ctx context.Context, folder types.ManagedObjectReference) (bool, error) {
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{folder}, map[string][]string{"Folder": {"childEntity"}}))
	if err != nil {
		return false, err
	}
	if len(found) == 0 || found[0].vanished() {
		return false, &Error{Reason: "the folder no longer exists", kind: kindGone}
	}
	if f := found[0].denied(); f != nil {
		return false, c.explainFault(f, "")
	}
	return len(found[0].refs("childEntity")) == 0, nil
}
