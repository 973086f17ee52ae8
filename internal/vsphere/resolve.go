package vsphere

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// resolver turns names into objects of one inventory. Each name is resolved on
// its own: what was not found leaves its part of the site empty, and a finding.
type resolver struct {
	*inventory
	own       []marked         // the cluster's machines
	policies  *storagePolicies // nil where no placement names one
	libraries map[libraryNames]*foundItem
	names     *model.Names
	failed    *Error // what has to be known could not be read now
	dc        *node
	templates []*chosenTemplate
	site      model.Site
	findings  model.Findings
}

// chosenTemplate is the template of the cluster, or of a worker pool that has its own.
type chosenTemplate struct {
	*node
	pool  string // empty: the cluster's
	base  bool   // an image is to be built of it
	field model.Field
	model.Template
}

// resolve resolves all names, and reports all that is wrong with them.
func (inv *inventory) resolve(
	names *model.Names, own []marked, policies *storagePolicies, libraries map[libraryNames]*foundItem,
) *resolver {
	r := &resolver{inventory: inv, own: own, policies: policies, libraries: libraries, names: names}
	if names == nil {
		return r
	}
	r.site.Placements = make(map[model.PlacementRef]model.ResolvedPlacement, len(names.Placements))
	r.dc = r.choose(choice{
		field:  model.ClusterField(model.FieldDatacenter),
		kind:   "datacenter",
		wanted: names.Datacenter,
		where:  "vCenter " + inv.server,
		from:   inv.byType["Datacenter"],
		known:  knownRefs(names.KnownDatacenter),
	})
	if r.dc == nil {
		return r // nothing can be looked up anywhere
	}
	r.site.Datacenter = r.dc.ref.String()
	r.folder(names)
	r.image("", names.Image)
	for _, pool := range slices.Sorted(maps.Keys(names.PoolImages)) {
		r.image(pool, names.PoolImages[pool])
	}
	for _, ref := range sortedRefs(names.Placements) {
		r.site.Placements[ref] = r.placement(ref, names.Placements[ref])
	}
	return r
}

// sortedRefs returns the placements in an order that makes findings come out the
// same each time: the control plane's first.
func sortedRefs(placements map[model.PlacementRef]model.Placement) []model.PlacementRef {
	rank := func(ref model.PlacementRef) int {
		if ref.NodePool == model.ControlPlanePool {
			return 0
		}
		return 1
	}
	return slices.SortedFunc(maps.Keys(placements), func(a, b model.PlacementRef) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.NodePool, b.NodePool), a.Index-b.Index)
	})
}

func (r *resolver) refuse(field model.Field, summary, detail string, args ...any) {
	r.findings.Refuse(field, summary, detail, args...)
}

// noRoom refuses a placement that nothing can be put on now.
func (r *resolver) noRoom(field model.Field, summary, detail string, args ...any) {
	r.findings.RefuseFull(field, summary, detail, args...)
}

func (r *resolver) report(finding *model.Finding) {
	r.findings.Add(model.Findings{Problems: []model.Finding{*finding}})
}

// choose picks one object, and reports what is wrong where it cannot.
func (r *resolver) choose(c choice) *node {
	c.user = r.user
	if len(c.matches()) == 0 {
		if n := r.renamed(c, nil); n != nil {
			return n
		}
	}
	n, finding := c.pick()
	if finding != nil {
		r.report(finding)
		return nil
	}
	r.warnOfOther(c, n)
	return n
}

func (r *resolver) inDatacenter() string { return fmt.Sprintf("datacenter %q", r.dc.name) }

func (r *resolver) folder(names *model.Names) {
	path := names.Folder
	if inventoryname.SameFolder(path, names.KnownFolder) {
		// The cluster is there, whatever the datacenter is called by now.
		_, below := inventoryname.SplitFolder(path)
		path = strings.Join(below, "/")
	}
	field := model.ClusterField(model.FieldFolder)
	at, missing, blocked := r.walk(r.dc, path)
	if len(missing) > 0 || blocked != nil {
		if renamed := r.renamedFolder(names); renamed != nil {
			at, missing, blocked = renamed, nil, nil
		}
	}
	switch {
	case at == nil:
		r.refuse(field, "VM folders cannot be read",
			"The account %q cannot read the VM folder of %s. Grant it read access there.", r.user, r.inDatacenter())
	case r.vmFolder(r.dc).elsewhere(path):
		r.refuse(field, "A folder of another datacenter",
			"%q is a full path that does not lead into %s. Begin it with %s, or leave out the beginning.",
			path, r.inDatacenter(), r.vmFolder(r.dc).path)
	case blocked != nil:
		r.refuse(field, fmt.Sprintf("%q is not a folder", path),
			"%q is a %s. Choose another path.", blocked.path, blocked.ref.Type)
	case len(missing) > 0:
		r.site.Folder.Missing = missing
		r.site.Folder.Levels = r.levels(r.dc, at)
		r.site.Folder.Parent = at.ref.String()
	default:
		r.site.Folder.Ref = at.ref.String()
		r.site.Folder.Levels = r.levels(r.dc, at)
		r.site.Folder.VMs = map[string]string{}
		for _, child := range at.children {
			if child.ref.Type == "VirtualMachine" {
				r.site.Folder.VMs[child.name] = child.path
			}
		}
	}
}

// image resolves the image of the cluster, or of a pool.
func (r *resolver) image(pool string, image model.Image) {
	field := model.ClusterField(model.FieldTemplate)
	if pool != "" {
		field = model.NodePoolField(pool, model.FieldTemplate)
	}
	switch {
	case image.OVA != nil, image.Build != nil:
		r.importedImage(pool, image, field)
		return
	case image.Library != nil:
		r.libraryImage(pool, image, field)
		return
	}
	root := r.dc.ref
	where := r.inDatacenter()
	if image.Folder != "" {
		search := choice{
			field:  model.ClusterField(model.FieldImageFolder),
			kind:   "image folder",
			wanted: image.Folder,
			where:  where,
			from:   r.below(r.dc.ref, folderTypes...),
		}
		if len(search.matches()) == 0 {
			search.known = r.foldersOf(r.knownTemplates(image.Template))
		}
		folder := r.choose(search)
		if folder == nil {
			return
		}
		root = folder.ref
		where = fmt.Sprintf("folder %q", folder.path)
	}
	template := r.choose(r.templateChoice(field, image.Template, root, where))
	if template != nil {
		r.chooseTemplate(pool, field, template)
	}
}

// chooseTemplate takes a template for the image of the cluster, or of a pool, if its state
// allows that.
func (r *resolver) chooseTemplate(pool string, field model.Field, template *node) {
	state := value[types.VirtualMachineConnectionState](template.properties, "runtime.connectionState")
	if state != "" && state != types.VirtualMachineConnectionStateConnected {
		r.refuse(field, fmt.Sprintf("Template %q is %s", template.name, state),
			"vCenter cannot reach %q. Check whether its host is connected and its datastore is mounted.", template.path)
		return
	}
	if power := value[types.VirtualMachinePowerState](template.properties, "runtime.powerState"); !isTemplate(template) &&
		power != "" && power != types.VirtualMachinePowerStatePoweredOff {
		r.refuse(field, fmt.Sprintf("%q is a VM in use", template.name),
			"%q is not a template but a VM that is %s: its disk changes while it is copied. "+
				"Nodes are cloned from a template or a powered-off VM. Choose a template, or power the VM off and convert it to one.",
			template.path, powerWords[power])
		return
	}
	chosen := &chosenTemplate{
		node:     template,
		pool:     pool,
		field:    field,
		Template: model.Template{Ref: template.ref.String(), Path: template.path, IsVM: !isTemplate(template)},
	}
	if m, ok := imageMarkerOf(template.properties); ok {
		chosen.BaseVersion = m.Base
	}
	if snapshot, ok := currentSnapshot(template); ok {
		chosen.Snapshot = snapshot.String()
	}
	r.templates = append(r.templates, chosen)
}

// powerWords are how messages call a power state.
var powerWords = map[types.VirtualMachinePowerState]string{
	types.VirtualMachinePowerStatePoweredOn: "powered on",
	types.VirtualMachinePowerStateSuspended: "suspended",
}

// templateChoice is the search for a template. Where a template and a VM share a
// name, the template is meant, and only templates are suggested. A VM that is not
// a template can be cloned, too.
func (r *resolver) templateChoice(field model.Field, wanted string, root types.ManagedObjectReference, where string) choice {
	search := choice{
		field:  field,
		kind:   "template",
		wanted: wanted,
		where:  where,
		from:   r.all(func(n *node) bool { return isTemplate(n) && n.within(root) }, machineTypes...),
		known:  r.knownTemplates(wanted),
		former: r.below(r.dc.ref, machineTypes...),
	}
	if len(search.matches()) > 0 {
		return search
	}
	machines := r.all(func(n *node) bool { return n.matches(wanted) && n.within(root) }, machineTypes...)
	if len(machines) > 0 {
		search.from = machines
	}
	return search
}

func currentSnapshot(template *node) (types.ManagedObjectReference, bool) {
	snapshot, ok := template.values["snapshot.currentSnapshot"].(types.ManagedObjectReference)
	return snapshot, ok
}

// datacenterIn finds a datacenter by reference, name or path.
func (inv *inventory) datacenterIn(datacenter string) (*node, error) {
	for _, n := range inv.byType["Datacenter"] {
		if n.ref.String() == datacenter {
			return n, nil
		}
	}
	n, finding := choice{
		kind:   "datacenter",
		wanted: datacenter,
		where:  "vCenter " + inv.server,
		from:   inv.byType["Datacenter"],
		user:   inv.user,
	}.pick()
	if finding != nil {
		return nil, &Error{Reason: finding.Detail}
	}
	return n, nil
}
