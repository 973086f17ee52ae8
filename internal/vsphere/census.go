package vsphere

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Census is every VM of a vCenter that carries a marker of Gantry's, whichever
// cluster it names, as one call returned them.
type Census struct {
	Machines []MarkedMachine // by path

	inventory *inventory
}

// MarkedMachine is a VM that carries a marker.
type MarkedMachine struct {
	Path      string // inventory path
	Cluster   uuid.UUID
	Template  string // reference of what it was cloned from; empty: not known
	Node      string
	PoweredOn bool
	// LoadBalancer is true for the load balancer of a cluster with leases.
	LoadBalancer bool
	// Builder is true for a VM of which an image was to be made.
	Builder  bool
	Holdings []model.Holding // the addresses that its marker names
	// Understood is false for a VM of a newer Gantry, which must be left alone.
	Understood bool
	// Folder is the inventory path of its VM folder, and OwnFolder reports whether
	// the folder holds machines of this cluster and nothing else.
	Folder    string
	OwnFolder bool
}

// Census finds the VMs that Gantry created. A VM that may not be read is an
// error: whether it is one of them is not known.
func (c *Client) Census(ctx context.Context) (*Census, error) {
	inv, err := c.tree(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err := c.readable(inv); err != nil {
		return nil, err
	}
	census := &Census{inventory: inv}
	for _, m := range inv.fleet.marked {
		machine := MarkedMachine{
			Path:      m.path,
			Cluster:   m.marker.Cluster,
			Template:  m.marker.TemplateRef,
			Node:      m.marker.Node,
			PoweredOn: poweredOn(m.properties),

			LoadBalancer: m.marker.LoadBalancer(),
			Builder:      m.marker.Builder(),
			Holdings:     m.marker.holdings(),
			Understood:   m.marker.Understood(),
		}
		if m.parent != nil && m.parent.ref.Type == "Folder" {
			machine.Folder = m.parent.path
			machine.OwnFolder = m.parent.onlyOf(m.marker.Cluster)
		}
		census.Machines = append(census.Machines, machine)
	}
	return census, nil
}

// Template is the inventory path of the VM or template that a reference means; empty where
// there is none.
func (c *Census) Template(reference string) string { return c.inventory.pathOf(reference) }

// onlyOf reports whether a folder holds machines of one cluster and nothing else.
// The root folder of a datacenter's VMs belongs to no cluster.
func (n *node) onlyOf(cluster uuid.UUID) bool {
	if n.parent == nil || n.parent.ref.Type == "Datacenter" {
		return false
	}
	return !slices.ContainsFunc(n.children, func(child *node) bool {
		m, ok := markerOf(child.properties)
		return !ok || m.Cluster != cluster || child.ref.Type != "VirtualMachine"
	})
}

// Folder finds a VM folder that Gantry made, by its reference or else by the
// datacenter's name or path and the path below its VM folder, and returns its inventory
// path; false when there is none.
func (c *Census) Folder(datacenter string, folder record.Folder) (string, bool) {
	if ref, err := parseRef("Folder", folder.Ref); err == nil {
		n := c.inventory.nodes[ref]
		if n == nil {
			return "", false
		}
		return n.path, true
	}
	dc, err := c.inventory.datacenterIn(datacenter)
	if err != nil {
		return "", false
	}
	at, missing, blocked := c.inventory.walk(dc, folder.Path)
	if at == nil || len(missing) > 0 || blocked != nil || at == c.inventory.vmFolder(dc) {
		return "", false
	}
	return at.path, true
}
