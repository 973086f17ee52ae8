package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// The extra configuration by which guests report, and in which they get their
// bootstrap data.
var (
	phaseKey            = "guestinfo.gantry.phase"
	logKey              = "guestinfo.gantry.log"
	userdataKey         = "guestinfo.userdata"
	userdataEncodingKey = "guestinfo.userdata.encoding"
)

// What a survey reads of the cluster's own machines and of the template, in its
// second call.
var (
	ownProperties = []string{
		"runtime.powerState", extraConfig(phaseKey), extraConfig(userdataKey), notesProperty,
	}
	hardwareProperties = []string{"config.hardware.device"}
)

// Survey implements model.VCenter. It takes two calls: one for the tree, which
// surveys share, and one for the cluster's machines and the template.
func (c *Client) Survey(ctx context.Context, req model.SurveyRequest) (*model.Survey, error) {
	inv, err := c.tree(ctx, req.MaxAge)
	if err != nil {
		return nil, err
	}
	if err := c.readable(inv); err != nil {
		return nil, err
	}
	own := inv.fleet.byCluster[req.Cluster]
	r := inv.resolve(req.Names)
	details, err := c.details(ctx, own, r.template)
	if err != nil {
		return nil, err
	}
	r.describeTemplate(c, details)
	return &model.Survey{
		Machines:   machinesOf(own, details),
		Unreadable: slices.Clip(inv.fleet.unreadable),
		Reported:   inv.fleet.reportedTo(own),
		Held:       slices.Clip(inv.fleet.held),
		Notes:      notesOf(own, details),
		Site:       r.site,
		Findings:   r.findings.Problems,
	}, nil
}

// readable returns an error where a VM is listed but may not be read: whether it
// carries a marker is then unknown, and unknown is not absent.
func (c *Client) readable(inv *inventory) error {
	n := inv.fleet.denied
	if n == nil {
		return nil
	}
	e := c.explainFault(n.denied(), "")
	e.Op = fmt.Sprintf("read VM %q", n.path)
	e.Advice = "grant read access, or hide the VM with the role No access"
	return e
}

// details reads what only the cluster's own machines and the template are asked
// for. A reference that is gone is not in the result.
func (c *Client) details(ctx context.Context, own []marked, template *node) (map[types.ManagedObjectReference]properties, error) {
	var specs []types.PropertyFilterSpec
	if len(own) > 0 {
		var refs []types.ManagedObjectReference
		for _, m := range own {
			refs = append(refs, m.ref)
		}
		specs = append(specs, objectsSpec(refs, map[string][]string{"VirtualMachine": ownProperties}))
	}
	if template != nil {
		refs := []types.ManagedObjectReference{template.ref}
		if snapshot, ok := currentSnapshot(template); ok {
			refs = append(refs, snapshot)
		}
		specs = append(specs, objectsSpec(refs, map[string][]string{
			"VirtualMachine":         hardwareProperties,
			"VirtualMachineSnapshot": hardwareProperties,
		}))
	}
	if len(specs) == 0 {
		return nil, nil
	}
	found, err := c.retrieve(ctx, specs...)
	if err != nil {
		return nil, c.failed("read the cluster's VMs", err)
	}
	details := make(map[types.ManagedObjectReference]properties, len(found))
	for _, p := range found {
		if !p.vanished() {
			details[p.ref] = p
		}
	}
	return details, nil
}

func machinesOf(own []marked, details map[types.ManagedObjectReference]properties) []model.Machine {
	var machines []model.Machine
	for _, m := range own {
		p, ok := details[m.ref]
		if !ok {
			continue // deleted since the tree was read
		}
		machines = append(machines, model.Machine{
			Ref:       m.ref.String(),
			Path:      m.path,
			UUID:      instanceUUID(m.properties),
			Marker:    m.marker.Marker,
			PoweredOn: poweredOn(p),
			Phase:     phaseOf(p),
			Userdata:  holdsUserdata(p),
		})
	}
	return machines
}

func poweredOn(p properties) bool {
	return value[types.VirtualMachinePowerState](p, "runtime.powerState") == types.VirtualMachinePowerStatePoweredOn
}

// holdsUserdata reports whether bootstrap data is still there. cloud-init leaves
// three dashes where it has cleaned up.
func holdsUserdata(p properties) bool {
	data := strings.TrimSpace(p.option(userdataKey))
	return data != "" && data != "---"
}
