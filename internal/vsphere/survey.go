package vsphere

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// The extra configuration by which guests report, and in which they get their
// bootstrap data.
var (
	phaseKey            = "guestinfo.gantry.phase"
	logKey              = "guestinfo.gantry.log"
	userdataKey         = "guestinfo.userdata"
	userdataEncodingKey = "guestinfo.userdata.encoding"
	// silencedKey is an option by which an administrator keeps a guest from setting any
	// of these.
	silencedKey = "isolation.tools.setinfo.disable"
)

// What a survey reads of the cluster's own machines and of the template, in its
// second call.
var (
	ownProperties = []string{
		"runtime.powerState", extraConfig(userdataKey), extraConfig(phaseKey), notesProperty,
		extraConfig(addressKey), extraConfig(leaseKey), extraConfig(backendsKey),
	}
	hardwareProperties = []string{"config.hardware.device"}
	templateProperties = []string{
		"config.hardware.device", "config.guestId", "config.guestFullName", "summary.storage.committed",
		"config.version", "config.keyId", "config.firmware", "config.bootOptions.efiSecureBootEnabled",
		"config.hardware.numCPU", "config.hardware.memoryMB", "guest.toolsVersionStatus2",
	}
)

// Survey implements model.VCenter. Beside those of storage policies and of content libraries, it
// takes two calls at most: one for the tree, which
// surveys share, and one for the cluster's machines, those that are missing, and the
// templates, unless others have just read these and there are no machines.
func (c *Client) Survey(ctx context.Context, req model.SurveyRequest) (*model.Survey, error) {
	inv, err := c.tree(ctx, req.MaxAge)
	if err != nil {
		return nil, err
	}
	if err := c.readable(inv); err != nil {
		return nil, err
	}
	own := inv.fleet.byCluster[req.Cluster]
	policies, err := c.readPolicies(ctx, inv, req.Names, own, req.MaxAge)
	if err != nil {
		return nil, err
	}
	libraries, err := c.readLibraries(ctx, req.Names, req.MaxAge)
	if err != nil {
		return nil, err
	}
	r := inv.resolve(req.Names, own, policies, libraries)
	if r.failed != nil {
		return nil, r.failed
	}
	missing, err := inv.missing(req.Known)
	if err != nil {
		return nil, err
	}
	details, denied, err := c.details(ctx, own, missing, r.templates, req.TemplateMaxAge)
	if err != nil {
		return nil, err
	}
	for _, m := range own {
		if f := denied[m.ref]; f != nil {
			return nil, c.denied(m.path, f) // it was read with the tree: unknown is not absent
		}
	}
	r.describeTemplates(c, details)
	unseen := c.unseen(missing, details, denied)
	inv.addUnmarked(unseen, req.Known, own)
	holder, holderOf := inv.holder(req, own)
	return &model.Survey{
		APIVersion: c.soap.content.About.ApiVersion,
		Machines:   inv.machinesOf(own, details),
		Unseen:     unseen,
		Unreadable: slices.Clip(inv.fleet.unreadable),
		Holder:     holder,
		HolderOf:   holderOf,
		Reported:   inv.fleet.reportedTo(own),
		NICs:       inv.fleet.nics,
		Held:       slices.Clip(inv.fleet.held),
		Rules:      inv.rulesOf(req.Cluster),
		Hosting:    inv.hosting(own),
		Groups:     inv.groupsOf(req.Cluster),
		VMGroups:   inv.vmGroupsOf(own),
		HeldDisks:  heldDisksOf(own, details),
		Notes:      notesOf(own, details),
		Site:       r.site,
		Findings:   r.findings,
	}, nil
}

// addUnmarked adds the known machines that are in the inventory and that nothing says to be the
// cluster's any more, as after their marker was taken away by hand: they run on.
func (inv *inventory) addUnmarked(unseen map[string]string, known []string, own []marked) {
	for _, text := range known {
		var ref types.ManagedObjectReference
		if !ref.FromString(text) {
			continue // missing has judged it
		}
		n := inv.nodes[ref]
		if n == nil || unreadable(n) || slices.ContainsFunc(own, func(m marked) bool { return m.node == n }) {
			continue
		}
		unseen[text] = fmt.Sprintf("it is there as %s, and has lost the marker that makes it Gantry's", n.path)
	}
}

// holder is the path of the VM that has the asked name in the asked folder, unless it
// is one of the cluster's own, or may be, and the marker that it has.
func (inv *inventory) holder(req model.SurveyRequest, own []marked) (string, *model.Marker) {
	if req.Name == "" {
		return "", nil
	}
	for _, n := range inv.byType["VirtualMachine"] {
		if n.name != req.Name || n.parent == nil || n.parent.ref.String() != req.Folder || unreadable(n) {
			continue
		}
		if !slices.ContainsFunc(own, func(m marked) bool { return m.node == n }) {
			if m, ok := markerOf(n.properties); ok {
				return n.path, &m.Marker
			}
			return n.path, nil
		}
	}
	return "", nil
}

// readable returns an error where a VM is listed but may not be read: whether it
// carries a marker is then unknown, and unknown is not absent.
func (c *Client) readable(inv *inventory) error {
	n := inv.fleet.denied
	if n == nil {
		return nil
	}
	return c.denied(n.path, n.denied())
}

func (c *Client) denied(path string, f *types.NoPermission) error {
	e := c.explainFault(f, "")
	e.Op = fmt.Sprintf("read VM %q", path)
	e.Advice = "grant read access, or hide the VM with the role No access"
	return e
}

// missing are the machines that were there before and are not in the inventory.
func (inv *inventory) missing(known []string) ([]types.ManagedObjectReference, error) {
	refs, err := parseRefs(known)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(refs, func(ref types.ManagedObjectReference) bool { return inv.nodes[ref] != nil }), nil
}

// details reads what only the cluster's own machines, the missing ones and the templates
// are asked for. A reference that is gone is in neither result, one that may not be read
// in the second.
func (c *Client) details(
	ctx context.Context, own []marked, missing []types.ManagedObjectReference, templates []*chosenTemplate, templateMaxAge time.Duration,
) (map[types.ManagedObjectReference]properties, map[types.ManagedObjectReference]*types.NoPermission, error) {
	ofTemplates := templateRefs(templates)
	known := c.reads.templates.kept(ofTemplates, templateMaxAge)
	if len(own)+len(missing) == 0 && known == nil {
		// Whoever creates a cluster asks for nothing else: it is asked once for those that
		// do so at the same moment.
		end, err := c.reads.templates.alone(ctx)
		if err != nil {
			return nil, nil, c.failed("read the templates", err)
		}
		defer end()
		known = c.reads.templates.kept(ofTemplates, templateMaxAge)
	}
	var specs []types.PropertyFilterSpec
	refs := slices.Clone(missing)
	var snapshotted []types.ManagedObjectReference
	for _, m := range own {
		refs = append(refs, m.ref)
		if _, ok := currentSnapshot(m.node); ok {
			snapshotted = append(snapshotted, m.ref)
		}
	}
	if len(refs) > 0 {
		specs = append(specs, objectsSpec(refs, map[string][]string{"VirtualMachine": ownProperties}))
		if len(snapshotted) > 0 {
			specs = append(specs, disksSpec(snapshotted))
		}
	}
	if len(templates) > 0 && known == nil {
		specs = append(specs, objectsSpec(ofTemplates, map[string][]string{
			"VirtualMachine":         templateProperties,
			"VirtualMachineSnapshot": hardwareProperties,
		}))
	}
	began := time.Now()
	found, denied, err := c.retrieveByReference(ctx, specs)
	if err != nil {
		return nil, nil, c.failed("read the cluster's VMs", err)
	}
	details := make(map[types.ManagedObjectReference]properties, len(found))
	for _, p := range found {
		if !p.vanished() {
			details[p.ref] = p
		}
	}
	if known == nil {
		c.reads.templates.keep(ofTemplates, details, began)
	}
	maps.Copy(details, known)
	return details, denied, nil
}

// retrieveByReference reads objects that are named. A vCenter may refuse the whole call
// for one that may not be read; that one is then in the second result, and the others
// are read without it.
func (c *Client) retrieveByReference(
	ctx context.Context, specs []types.PropertyFilterSpec,
) ([]properties, map[types.ManagedObjectReference]*types.NoPermission, error) {
	denied := map[types.ManagedObjectReference]*types.NoPermission{}
	for {
		specs = slices.DeleteFunc(specs, func(s types.PropertyFilterSpec) bool { return len(s.ObjectSet) == 0 })
		if len(specs) == 0 {
			return nil, denied, nil
		}
		found, err := c.retrieve(ctx, specs...)
		fault, _ := methodFault(err)
		refused, ok := fault.(*types.NoPermission)
		if ok && refused.Object != nil && without(specs, *refused.Object) {
			denied[*refused.Object] = refused
			continue
		}
		for _, p := range found {
			if f := p.denied(); f != nil {
				denied[p.ref] = f
			}
		}
		return found, denied, err
	}
}

// unseen says of missing machines that are not gone why the inventory may not show
// them. Gone is what vCenter does not return although it was asked by reference.
func (c *Client) unseen(
	missing []types.ManagedObjectReference,
	details map[types.ManagedObjectReference]properties, denied map[types.ManagedObjectReference]*types.NoPermission,
) map[string]string {
	unseen := map[string]string{}
	for _, ref := range missing {
		if f := denied[ref]; f != nil {
			unseen[ref.String()] = c.missingPrivilege(f)
		} else if _, exists := details[ref]; exists {
			unseen[ref.String()] = fmt.Sprintf("the account %q may read the VM, and not a folder or vApp above it", c.config.Username)
		}
	}
	return unseen
}

func (inv *inventory) machinesOf(own []marked, details map[types.ManagedObjectReference]properties) []model.Machine {
	var machines []model.Machine
	for _, m := range own {
		p, ok := details[m.ref]
		if !ok {
			continue // deleted since the tree was read
		}
		machine := model.Machine{
			Ref:       m.ref.String(),
			Path:      m.path,
			Folder:    folderOf(m.node),
			UUID:      instanceUUID(m.properties),
			Marker:    m.marker.Marker,
			Template:  inv.pathOf(m.marker.TemplateRef),
			PoweredOn: poweredOn(p),
			Userdata:  holdsUserdata(p),
			Booted:    userdataOf(p) == redacted,
			Phase:     printable.Line(p.option(phaseKey), maxPhase),
			Backends:  printable.Line(p.option(backendsKey), maxBackends),
		}
		machine.Address = reportedLease(p, machine.PoweredOn, addressKey)
		machine.Lease = reportedLease(p, machine.PoweredOn, leaseKey)
		machines = append(machines, machine)
	}
	return machines
}

// pathOf is the path of the VM or template that a reference means; empty where it is not
// in the inventory.
func (inv *inventory) pathOf(reference string) string {
	ref, err := parseRef("VirtualMachine", reference)
	if n := inv.nodes[ref]; err == nil && n != nil {
		return n.path
	}
	return ""
}

// folderOf is the reference of the folder that a VM is in.
func folderOf(n *node) string {
	if folder, ok := n.values["parent"].(types.ManagedObjectReference); ok {
		return folder.String()
	}
	return ""
}

// heldDisksOf returns the disks that snapshots of the machines hold, by reference.
func heldDisksOf(own []marked, details map[types.ManagedObjectReference]properties) map[string][]model.HeldDisk {
	snapshots := snapshotsByVM(slices.Collect(maps.Values(details)))
	held := map[string][]model.HeldDisk{}
	for _, m := range own {
		// What cannot be read now is read again before the VM is touched.
		if disks, _ := heldDisks(details[m.ref], snapshots[m.ref]); len(disks) > 0 {
			held[m.ref.String()] = disks
		}
	}
	return held
}

func poweredOn(p properties) bool {
	return value[types.VirtualMachinePowerState](p, "runtime.powerState") == types.VirtualMachinePowerStatePoweredOn
}

// redacted is what cloud-init leaves of bootstrap data that it has read.
const redacted = "---"

// holdsUserdata reports whether bootstrap data is still there.
func holdsUserdata(p properties) bool {
	data := userdataOf(p)
	return data != "" && data != redacted
}

func userdataOf(p properties) string { return strings.TrimSpace(p.option(userdataKey)) }
