package vsphere

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"

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

// UploadTo uploads to a host as an import does that vCenter has told a thumbprint, to a host
// that may take nothing for stall.
func UploadTo(
	ctx context.Context, to *url.URL, config Config, thumbprint string, stall time.Duration, content io.Reader, size int64,
) error {
	u := &imageUpload{
		c: &Client{config: config, site: &site{}}, op: "import", ctx: ctx, stall: stall,
		files: map[string]uploadTo{"disk": {url: to, thumbprint: thumbprint}},
	}
	return u.Upload("disk", size, content)
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
	}})
}

// GuestLeases are the leases that a poll returns of a guest that sets its keys to these values.
func GuestLeases(on bool, phase, address, lease string) (netip.Addr, netip.Addr) {
	power := types.VirtualMachinePowerStatePoweredOff
	if on {
		power = types.VirtualMachinePowerStatePoweredOn
	}
	state := vmState(properties{values: map[string]any{
		"runtime.powerState":    power,
		extraConfig(phaseKey):   types.OptionValue{Key: phaseKey, Value: phase},
		extraConfig(addressKey): types.OptionValue{Key: addressKey, Value: address},
		extraConfig(leaseKey):   types.OptionValue{Key: leaseKey, Value: lease},
	}})
	return state.Address, state.Lease
}

// HostsFor are the hosts that clones are placed on one after the other, given what a
// survey has read.
func HostsFor(seen []types.ObjectContent, reqs ...model.CloneRequest) (chosen []string, err error) {
	var h hosts
	h.remember(cannedInventory(seen))
	for _, req := range reqs {
		host, err := h.choose(req)
		if err != nil {
			return nil, err
		}
		if host == nil {
			host = &types.ManagedObjectReference{}
		}
		chosen = append(chosen, host.Value)
	}
	return chosen, nil
}

func cannedInventory(seen []types.ObjectContent) *inventory {
	var found []properties
	for _, o := range seen {
		p := properties{ref: o.Obj, values: map[string]any{}}
		for _, prop := range o.PropSet {
			p.values[prop.Name] = prop.Val
		}
		found = append(found, p)
	}
	return newInventory(found)
}

// Hosts are the hosts of a compute cluster as a placement has them.
func Hosts(seen []types.ObjectContent, cluster, datastore, network types.ManagedObjectReference) []model.Host {
	inv := cannedInventory(seen)
	return inv.hosts(inv.nodes[cluster], []*node{{properties: properties{ref: datastore}}}, network)
}

// GuestFamily is what a guest system is, by its id and its full name: Linux, foreign,
// or neither.
func GuestFamily(id, name string) (linux, foreign bool) {
	family := guestFamilyOf(id, name)
	return family == guestLinux, family == guestForeign
}

// Without removes an object from the specs of a read.
func Without(specs []types.PropertyFilterSpec, ref types.ManagedObjectReference) bool {
	return without(specs, ref)
}

// Changed drops what the clients of a vCenter share, as a change does.
func Changed(c *Client) { c.site.changed() }

// LeanBody is a response without what nothing reads.
func LeanBody(body io.ReadCloser) io.ReadCloser { return newLeanBody(body) }

// Decoded is what of a response's text is in an inventory.
type Decoded struct {
	Values   map[types.ManagedObjectReference]map[string]any // without what the fleet has taken
	Reported map[netip.Addr]string
	NICs     map[string][]model.NIC
	Marked   int
	// Plain are the objects that were taken out of the text.
	Plain int
}

// Decode decodes the response to a read of the tree, with plain objects taken out or not.
func Decode(response []byte, plain bool) (Decoded, error) {
	body := newLeanBody(io.NopCloser(bytes.NewReader(response)))
	objects := &plainObjects{}
	if plain {
		body.objects = objects
	}
	var envelope struct {
		Body methods.RetrievePropertiesExBody
	}
	decoder := xml.NewDecoder(body)
	decoder.TypeFunc = types.TypeFunc()
	if err := decoder.Decode(&envelope); err != nil {
		return Decoded{}, err
	}
	found := objects.appendTo(nil, map[types.ManagedObjectReference]int{})
	for _, o := range envelope.Body.Res.Returnval.Objects {
		p := properties{ref: o.Obj, values: map[string]any{}, missing: o.MissingSet}
		for _, prop := range o.PropSet {
			p.values[prop.Name] = prop.Val
		}
		found = append(found, p)
	}
	inv := newInventory(found)
	d := Decoded{
		Values:   map[types.ManagedObjectReference]map[string]any{},
		Reported: inv.fleet.reported,
		NICs:     inv.fleet.nics,
		Marked:   len(inv.fleet.marked),
		Plain:    len(objects.found),
	}
	for ref, n := range inv.nodes {
		d.Values[ref] = n.values
	}
	return d, nil
}

// TemplateTurns are the turns of those who ask for templates and nothing else.
type TemplateTurns struct{ reads templateReads }

// Alone waits for a turn, and returns how to end it.
func (t *TemplateTurns) Alone(ctx context.Context) (end func(), err error) { return t.reads.alone(ctx) }

// SyncImageFor is SyncImage that waits for no longer than it is told.
func (c *Client) SyncImageFor(ctx context.Context, image model.Image, limit time.Duration) error {
	return c.syncImage(ctx, image, limit)
}

// RenewSession logs in again, as a call does to which vCenter says that its session is gone.
func (c *Client) RenewSession(ctx context.Context) error {
	return c.soap.renew(ctx, c.soap.generation.Load())
}

// BuildsImage reports whether a VM with an instance UUID, whose marker says that an image is built
// in the one of another, counts as that.
func BuildsImage(instance, marked string) bool {
	node, err := marker{Instance: marked, Marker: model.Marker{
		SchemaVersion: model.MarkerSchema, Cluster: uuid.Max, Node: "image", Role: model.RoleBuilder, NodePool: model.BuilderPool,
	}}.encode()
	if err != nil {
		return false
	}
	_, ok := imageMarkerOf(properties{values: map[string]any{
		"config.instanceUuid":  instance,
		extraConfig(markerKey): types.OptionValue{Key: markerKey, Value: node},
		extraConfig(imageKey):  types.OptionValue{Key: imageKey, Value: `{"schema":1,"sha256":"abc","importing":true}`},
	}})
	return ok
}
