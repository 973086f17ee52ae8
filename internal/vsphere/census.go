package vsphere

import (
	"context"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// Census is every VM of a vCenter that carries a marker of Gantry's, whichever
// cluster it names, as one call saw them.
type Census struct {
	Machines []MarkedMachine // by path

	inventory *inventory
}

// MarkedMachine is a VM that carries a marker.
type MarkedMachine struct {
	Path      string // inventory path
	Cluster   string // id
	Node      string
	PoweredOn bool
	Holdings  []engine.Holding // the addresses that its marker names
	// Folder is the inventory path of its VM folder, and OwnFolder tells that
	// the folder holds machines of this cluster and nothing else.
	Folder    string
	OwnFolder bool
}

// Census looks for the VMs that Gantry made. A VM that may not be read is an
// error: whether it is one of them is not known.
func (c *Client) Census(ctx context.Context) (*Census, error) {
	inv, err := c.readInventory(ctx, true)
	if err != nil {
		return nil, err
	}
	if err := c.readable(inv); err != nil {
		return nil, err
	}
	census := &Census{inventory: inv}
	for _, m := range inv.machines() {
		machine := MarkedMachine{
			Path: m.path(), Cluster: m.marker.Cluster, Node: m.marker.Node,
			PoweredOn: poweredOn(m.properties), Holdings: m.marker.holdings(),
		}
		if m.parent != nil && m.parent.ref.Type == "Folder" {
			machine.Folder, machine.OwnFolder = m.parent.path(), inv.onlyOf(m.parent, m.marker.Cluster)
		}
		census.Machines = append(census.Machines, machine)
	}
	return census, nil
}

// onlyOf tells whether a folder holds machines of one cluster and nothing else.
// The root folder of a datacenter's VMs is nobody's.
func (inv *inventory) onlyOf(folder *node, cluster string) bool {
	if folder.parent == nil || folder.parent.ref.Type == "Datacenter" {
		return false
	}
	for _, n := range inv.nodes {
		if n.parent != folder {
			continue
		}
		if m, ok := markerOf(n.properties); !ok || m.Cluster != cluster || !slices.Contains(machineTypes, n.ref.Type) {
			return false
		}
	}
	return true
}

// Folder finds a VM folder by the datacenter's name or path and the path below
// its VM folder, and answers its inventory path; false when there is none.
func (c *Census) Folder(datacenter, path string) (string, bool) {
	dc, err := c.inventory.datacenterIn(datacenter)
	if err != nil {
		return "", false
	}
	at, missing, blocked := c.inventory.walk(dc, path)
	if at == nil || len(missing) > 0 || blocked != nil || at == c.inventory.vmFolder(dc) {
		return "", false
	}
	return at.path(), true
}
