package vsphere

import (
	"context"
	"slices"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// need is a set of privileges that an account must have on some object of a
// kind. Roles are granted on the objects that an administrator chose, so one
// object of the kind on which it is granted is enough.
type need struct {
	kinds      []string
	keep       func(*node) bool
	privileges []string
}

// needs are what Gantry's calls require: clone, reconfigure, power, folder, snapshots of
// etcd on a datastore.
var needs = []need{
	{kinds: []string{"Datastore"}, privileges: []string{
		"Datastore.AllocateSpace", "Datastore.Browse", "Datastore.FileManagement",
	}},
	{kinds: networkTypes, privileges: []string{"Network.Assign"}},
	{kinds: poolTypes, privileges: []string{"Resource.AssignVMToPool"}},
	{
		kinds:      []string{"VirtualMachine", "Folder"},
		keep:       func(n *node) bool { return n.ref.Type == "Folder" || isTemplate(n) },
		privileges: []string{"VirtualMachine.Provisioning.DeployTemplate"},
	},
	{kinds: folderTypes, privileges: []string{
		"Folder.Create", "Folder.Delete",
		"VirtualMachine.Inventory.CreateFromExisting", "VirtualMachine.Inventory.Delete", "VirtualMachine.Inventory.Move",
		"VirtualMachine.Inventory.Unregister",
		"VirtualMachine.Config.AddNewDisk", "VirtualMachine.Config.AddRemoveDevice", "VirtualMachine.Config.AdvancedConfig",
		"VirtualMachine.Config.Annotation", "VirtualMachine.Config.CPUCount", "VirtualMachine.Config.DiskExtend",
		"VirtualMachine.Config.EditDevice", "VirtualMachine.Config.Memory", "VirtualMachine.Config.RemoveDisk",
		"VirtualMachine.Config.Settings", "VirtualMachine.Interact.PowerOff", "VirtualMachine.Interact.PowerOn",
	}},
}

// maxEntities bounds the objects that are checked for one need.
const maxEntities = 200

// MissingPrivileges returns the privileges that the account lacks on every object
// that it could need them on, sorted. It takes one call for the inventory and
// one for each kind of object, however many there are.
func (c *Client) MissingPrivileges(ctx context.Context) ([]string, error) {
	const op = "read the account's privileges"
	inv, err := c.tree(ctx, 0)
	if err != nil {
		return nil, c.failed(op, err)
	}
	var missing []string
	for _, need := range needs {
		nodes := inv.all(need.keep, need.kinds...)
		granted, err := c.grantedOn(ctx, nodes[:min(len(nodes), maxEntities)], need.privileges)
		if err != nil {
			return nil, c.failed(op, err)
		}
		for _, p := range need.privileges {
			if !granted[p] {
				missing = append(missing, p)
			}
		}
	}
	slices.Sort(missing)
	return missing, nil
}

// grantedOn returns the privileges that the session has on any of the objects.
func (c *Client) grantedOn(ctx context.Context, nodes []*node, privileges []string) (map[string]bool, error) {
	granted := map[string]bool{}
	if len(nodes) == 0 {
		return granted, nil
	}
	req := &types.HasPrivilegeOnEntities{
		This:      *c.soap.content.AuthorizationManager,
		SessionId: c.soap.sessionKey(),
		PrivId:    privileges,
	}
	for _, n := range nodes {
		req.Entity = append(req.Entity, n.ref)
	}
	res, err := methods.HasPrivilegeOnEntities(ctx, c.soap, req)
	if err != nil {
		return nil, err
	}
	for _, entity := range res.Returnval {
		for _, p := range entity.PrivAvailability {
			granted[p.PrivId] = granted[p.PrivId] || p.IsGranted
		}
	}
	return granted, nil
}

// LacksForFiles implements model.VCenter.
func (c *Client) LacksForFiles(ctx context.Context, datastore string) ([]string, error) {
	const op = "read the account's privileges on a datastore"
	ref, err := parseRef("Datastore", datastore)
	if err != nil {
		return nil, err
	}
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref}, map[string][]string{"Datastore": {"capability"}}))
	if err != nil || len(found) == 0 {
		return nil, c.failed(op, err)
	}
	privileges := []string{"Datastore.Browse", "Datastore.FileManagement"}
	if hasNamespaces(found[0]) {
		privileges = append(privileges, "Datastore.Config")
	}
	granted, err := c.grantedOn(ctx, []*node{{properties: found[0]}}, privileges)
	if err != nil {
		return nil, c.failed(op, err)
	}
	return slices.DeleteFunc(privileges, func(p string) bool { return granted[p] }), nil
}
