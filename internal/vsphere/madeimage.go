package vsphere

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// MadeImage implements model.VCenter.
func (c *Client) MadeImage(ctx context.Context, q model.MadeImageQuery) (*model.MadeImage, error) {
	inv, err := c.tree(ctx, q.MaxAge)
	if err != nil {
		return nil, err
	}
	var n *node
	if q.Name != "" {
		n, err = inv.madeNamed(q.Name)
	} else {
		n = inv.madeImage(q.ImageIdentity)
	}
	if err != nil {
		return nil, err
	}
	if n == nil {
		return c.unseenImage(ctx, inv, q.ImageIdentity)
	}
	marker, marked := imageMarkerOf(n.properties)
	made := &model.MadeImage{
		ImageIdentity: model.ImageIdentity{Ref: n.ref.String(), UUID: instanceUUID(n.properties)},
		Path:          n.path,
		IsVM:          !isTemplate(n),
		PoweredOn:     poweredOn(n.properties),
		Copy:          !marked || !marker.original(n.properties),
		Built:         marker.Built,
		Digest:        marker.SHA256,
		BaseVersion:   marker.Base,
		Base:          marker.Of,
	}
	dc := n.datacenter()
	if dc != nil {
		made.Datacenter = dc.ref.String()
	}
	if q.Users {
		err = c.imageUsers(ctx, inv, n, dc, made, q.MaxAge)
	}
	return made, err
}

// madeImage is the template of an identity: that of its reference, unless another one has that by
// now, or else that of its instance UUID, as in a vCenter that was restored. Of several that have
// the UUID, as where hosts were added with copies, none is. A reference alone will do, too.
func (inv *inventory) madeImage(id model.ImageIdentity) *node {
	ref, err := parseRef("VirtualMachine", id.Ref)
	if n := inv.nodes[ref]; err == nil && n != nil && (id.UUID == "" || strings.EqualFold(instanceUUID(n.properties), id.UUID)) {
		return n
	}
	found := inv.all(func(n *node) bool {
		m, ok := imageMarkerOf(n.properties)
		return ok && m.original(n.properties) && strings.EqualFold(instanceUUID(n.properties), id.UUID)
	}, machineTypes...)
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// madeNamed is the template that Gantry has made and that a user means.
func (inv *inventory) madeNamed(name string) (*node, error) {
	var copies, imports bool
	found := inv.all(func(n *node) bool {
		m, ok := imageMarkerOf(n.properties)
		if !ok || !wholeTemplate(n) || !n.matches(name) {
			return false
		}
		copies = copies || !m.original(n.properties)
		imports = imports || !m.Built
		return m.original(n.properties) && m.Built
	}, machineTypes...)
	op := fmt.Sprintf("look for the image %q", name)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, &Error{Op: op, Reason: "several templates have that name: " + listedPaths(found), Advice: "give the inventory path of one"}
	case imports:
		return nil, &Error{Op: op, Reason: "it was imported, and not built", Advice: "name it as the base of a gantry_node_image, " +
			"or as the template of clusters"}
	case copies:
		return nil, &Error{
			Op: op, Reason: "it is a copy of what Gantry has made, which it does not delete", Advice: "use it as the template of clusters",
		}
	}
	return nil, &Error{
		Op:     op,
		Reason: fmt.Sprintf("no template that Gantry has made, and that the account %q may read, has that name", inv.user),
		Advice: "give the name or the inventory path of the template; gantry_orphans lists those that nothing uses",
	}
}

// unseenImage is what there is of a template that the inventory does not show: gone is what vCenter
// says is not there, by its reference.
func (c *Client) unseenImage(ctx context.Context, inv *inventory, id model.ImageIdentity) (*model.MadeImage, error) {
	hidden := func(why string) *model.MadeImage { return &model.MadeImage{ImageIdentity: id, Hidden: why} }
	if id.Ref == "" {
		return hidden(fmt.Sprintf("no one template that the account %q may read has the instance UUID %s", inv.user, id.UUID)), nil
	}
	ref, err := parseRef("VirtualMachine", id.Ref)
	if err != nil {
		return nil, err
	}
	if n := inv.nodes[ref]; n != nil {
		switch {
		case n.denied() != nil:
			return hidden(fmt.Sprintf("%s may not be read: %s", n.path, c.missingPrivilege(n.denied()))), nil
		case unreadable(n):
			return hidden(fmt.Sprintf("vCenter returns no configuration of %s now", n.path)), nil
		}
		return &model.MadeImage{}, nil // another one has its reference, in a vCenter that was restored
	}
	found, denied, err := c.retrieveByReference(ctx, []types.PropertyFilterSpec{
		objectsSpec([]types.ManagedObjectReference{ref}, map[string][]string{"VirtualMachine": {"config.instanceUuid"}}),
	})
	if err != nil {
		return nil, c.failed("read the template "+id.Ref, err)
	}
	details := map[types.ManagedObjectReference]properties{}
	for _, p := range found {
		if !p.vanished() {
			details[p.ref] = p
		}
	}
	if p, ok := details[ref]; ok {
		if uuid := instanceUUID(p); uuid != "" && !strings.EqualFold(uuid, id.UUID) {
			return &model.MadeImage{}, nil
		}
	}
	if why, unseen := c.unseen([]types.ManagedObjectReference{ref}, details, denied)[id.Ref]; unseen {
		return hidden(why), nil
	}
	return &model.MadeImage{}, nil
}
