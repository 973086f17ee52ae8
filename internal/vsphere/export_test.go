package vsphere

import (
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// SetPageSize bounds the objects of one response of the property collector, and
// returns a function that undoes it. No test that runs at the same time may
// count calls.
func SetPageSize(n int32) func() {
	old := pageSize
	pageSize = n
	return func() { pageSize = old }
}

// Cloned reports whether a disk came with its VM, whose marker lists the keys.
func Cloned(d *types.VirtualDisk, vmx string, keys []int32) bool {
	return cloned(d, vmx, marker{Disks: keys})
}

// Explain is what a fault or a broken connection is turned into.
func Explain(err error) error {
	c := &Client{config: Config{Server: "vc", Username: "u"}, site: &site{}}
	return c.failed("try", err)
}

// ShownName returns the name in the vSphere Client of an object whose name is
// stored so.
func ShownName(stored string) string {
	ref := types.ManagedObjectReference{Type: "Folder", Value: "f"}
	return newInventory([]properties{{ref: ref, values: map[string]any{"name": stored}}}).nodes[ref].name
}

// Matches returns the paths, of those that exist, that a wanted name or path may
// mean.
func Matches(wanted string, existing ...string) []string {
	search := choice{wanted: wanted}
	for _, path := range existing {
		name := inventoryname.Unescape(path[strings.LastIndex(path, "/")+1:])
		search.from = append(search.from, &node{name: name, path: path})
	}
	var found []string
	for _, n := range search.matches() {
		found = append(found, n.path)
	}
	return found
}

// DecodeMarker decodes the value in which a VM carries its marker.
func DecodeMarker(raw string) (model.Marker, bool) {
	m, ok := markerOf(properties{values: map[string]any{
		extraConfig(markerKey): types.OptionValue{Key: markerKey, Value: raw},
	}})
	return m.Marker, ok
}

// GuestSays is what a poll returns of a guest that sets its keys to these values.
func GuestSays(phase, log string) model.VMState {
	return vmState(properties{values: map[string]any{
		extraConfig(phaseKey): types.OptionValue{Key: phaseKey, Value: phase},
		extraConfig(logKey):   types.OptionValue{Key: logKey, Value: log},
	}}, false)
}

// HostFor is the host that a clone is placed on, given what a survey has read.
func HostFor(seen []types.ObjectContent, req model.CloneRequest) *types.ManagedObjectReference {
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

// Without removes an object from the specs of a read.
func Without(specs []types.PropertyFilterSpec, ref types.ManagedObjectReference) bool {
	return without(specs, ref)
}

// Changed drops what the clients of a vCenter share, as a change does.
func Changed(c *Client) { c.site.changed() }
