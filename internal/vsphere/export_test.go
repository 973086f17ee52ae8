package vsphere

import (
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// SetPageSize bounds the objects of one answer of the property collector, and
// answers a function that undoes it. No test that runs at the same time may
// count calls.
func SetPageSize(n int32) func() {
	old := pageSize
	pageSize = n
	return func() { pageSize = old }
}

// Cloned tells whether a disk came with its VM, whose marker lists the keys.
func Cloned(d *types.VirtualDisk, vmx string, keys []int32) bool {
	return cloned(d, vmx, marker{Disks: keys})
}

// Explain is what a fault or a broken connection is turned into.
func Explain(err error) error {
	c := &Client{config: Config{Server: "vc", Username: "u"}, site: &site{}}
	return c.failed("try", err)
}

// HostFor is the host that a clone is put on, given what a survey has seen.
func HostFor(seen []types.ObjectContent, req engine.CloneRequest) *types.ManagedObjectReference {
	c := &Client{site: &site{}}
	var found []properties
	for _, o := range seen {
		p := properties{ref: o.Obj, values: map[string]any{}}
		for _, prop := range o.PropSet {
			p.values[prop.Name] = prop.Val
		}
		found = append(found, p)
	}
	c.rememberHosts(newInventory(found))
	return c.hostFor(req)
}

// Without takes an object out of the specs of a read.
func Without(specs []types.PropertyFilterSpec, ref types.ManagedObjectReference) bool {
	return without(specs, ref)
}

// Matches lists the paths, of those there are, that a wanted name or path may mean.
func Matches(wanted string, there ...string) []string {
	var nodes []*node
	for _, path := range there {
		at := &node{}
		for _, raw := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
			at = &node{raw: raw, name: inventoryname.Unescape(raw), parent: at}
		}
		nodes = append(nodes, at)
	}
	var found []string
	for _, n := range (choice{wanted: wanted, from: nodes}).matches() {
		found = append(found, n.path())
	}
	return found
}
