package vsphere

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// What a survey reads of the cluster's own machines and of the template, in its
// second call.
var (
	guestProperties = []string{
		extraConfig("guestinfo.gantry.phase"), extraConfig("guestinfo.gantry.log"),
		"runtime.powerState", "guest.ipAddress", "guest.net",
	}
	deviceProperties = []string{"config.files.vmPathName", "config.hardware.device", extraConfig(markerKey)}
	userdataProperty = extraConfig("guestinfo.userdata")
)

// Survey implements engine.VCenter. It takes two calls: one for the tree, and
// one for the details of the cluster's machines and the template.
func (c *Client) Survey(ctx context.Context, req engine.SurveyRequest) (*engine.Survey, error) {
	inv, err := c.readInventory(ctx, true)
	if err != nil {
		return nil, err
	}
	if err := c.readable(inv); err != nil {
		return nil, err
	}
	c.rememberHosts(inv)
	survey := &engine.Survey{}
	machines := inv.machines()
	for _, m := range machines {
		survey.Held = append(survey.Held, m.marker.holdings()...)
	}
	survey.Unreadable = inv.unreadable()
	own := slices.DeleteFunc(machines, func(m marked) bool { return m.marker.Cluster != req.ClusterID || req.ClusterID == "" })
	survey.Reported = inv.reported(own)

	r := &resolver{}
	if req.Names != nil && req.Datacenter != "" {
		r = inv.resolve(req.Datacenter, req.Names)
	}
	details, err := c.details(ctx, own, r)
	if err != nil {
		return nil, err
	}
	for _, m := range own {
		p, ok := details[m.ref]
		if !ok || p.vanished() {
			continue // deleted since the first call
		}
		survey.Machines = append(survey.Machines, machineOf(m, p))
	}
	if r.template != nil {
		r.describeTemplate(c, details)
	}
	survey.Problems = r.problems
	if r.site != nil && r.located(req.Names) {
		survey.Site = r.site
	}
	return survey, nil
}

// readable refuses to go on when a VM is listed but may not be read: whether it
// carries a marker is then unknown, and unknown is not absent.
func (c *Client) readable(inv *inventory) error {
	for _, n := range inv.all(nil, machineTypes...) {
		if f := n.denied(); f != nil {
			e := c.explainFault(f, "")
			e.Op = fmt.Sprintf("read VM %q", n.path())
			e.Advice = "grant read access, or hide the VM with the role No access"
			return e
		}
	}
	return nil
}

// details reads what only a few objects are asked for.
func (c *Client) details(ctx context.Context, own []marked, r *resolver) (map[types.ManagedObjectReference]properties, error) {
	var refs []types.ManagedObjectReference
	for _, m := range own {
		refs = append(refs, m.ref)
	}
	if r.template != nil {
		refs = append(refs, r.template.ref)
		if snapshot, ok := r.template.values["snapshot.currentSnapshot"].(types.ManagedObjectReference); ok {
			refs = append(refs, snapshot)
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	found, err := c.retrieve(ctx, objectsSpec(refs, map[string][]string{
		"VirtualMachine":         slices.Concat(guestProperties, deviceProperties, []string{userdataProperty}),
		"VirtualMachineSnapshot": {"config.hardware.device"},
	}))
	if err != nil {
		return nil, c.failed("read the cluster's VMs", err)
	}
	details := make(map[types.ManagedObjectReference]properties, len(found))
	for _, p := range found {
		details[p.ref] = p
	}
	return details, nil
}

func machineOf(m marked, p properties) engine.Machine {
	return engine.Machine{
		Ref:       m.ref.String(),
		Path:      m.path(),
		UUID:      instanceUUID(m.properties),
		Marker:    m.marker.Marker,
		PoweredOn: poweredOn(p),
		Addresses: addressesOf(p),
		Phase:     p.option("guestinfo.gantry.phase"),
		LogTail:   p.option("guestinfo.gantry.log"),
		Userdata:  holdsUserdata(p),
		Disks:     disksOf(p),
		CloneMode: m.marker.CloneMode,
	}
}

func poweredOn(p properties) bool {
	return value[types.VirtualMachinePowerState](p, "runtime.powerState") == types.VirtualMachinePowerStatePoweredOn
}

// holdsUserdata tells whether bootstrap data is still there. cloud-init leaves
// three dashes where it has cleaned up.
func holdsUserdata(p properties) bool {
	data := strings.TrimSpace(p.option("guestinfo.userdata"))
	return data != "" && data != "---"
}

// reported maps addresses to the VMs that have them. Where several do, one that
// is not the cluster's own is named: that is the conflict.
func (inv *inventory) reported(own []marked) map[netip.Addr]string {
	mine := map[types.ManagedObjectReference]bool{}
	for _, m := range own {
		mine[m.ref] = true
	}
	foreign := map[netip.Addr]string{}
	ours := map[netip.Addr]string{}
	for _, n := range inv.all(nil, machineTypes...) {
		addresses := addressesOf(n.properties)
		if m, ok := markerOf(n.properties); ok && m.Address.IsValid() {
			addresses = append(addresses, m.Address.Addr())
		}
		into := foreign
		if mine[n.ref] {
			into = ours
		}
		for _, addr := range addresses {
			if into[addr] == "" {
				into[addr] = n.path()
			}
		}
	}
	for addr, path := range ours {
		if foreign[addr] == "" {
			foreign[addr] = path
		}
	}
	return foreign
}
