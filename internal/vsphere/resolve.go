package vsphere

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// resolver turns names into objects. It looks at nothing but the inventory.
type resolver struct {
	*inventory
	dc       *node
	site     *engine.Site
	template *node
	field    engine.Field // of the template
	problems []engine.Problem
}

// resolve finds everything that the names mean. Every problem is reported, not
// only the first.
func (inv *inventory) resolve(datacenter string, names *engine.Names) *resolver {
	r := &resolver{inventory: inv, site: &engine.Site{}}
	dc, problem := choice{
		field: "datacenter", kind: "datacenter", wanted: datacenter, where: "vCenter " + inv.server,
		from: inv.all(nil, "Datacenter"), user: inv.user,
	}.pick()
	if problem != nil {
		r.problems = append(r.problems, *problem)
		return r
	}
	r.dc = dc
	r.site.Datacenter = dc.ref.String()
	r.folder(names.Folder)
	r.image(names)
	for _, p := range names.Placements {
		r.site.Placements = append(r.site.Placements, r.placement(p))
	}
	return r
}

// located tells whether all was resolved but for placements.
func (r *resolver) located(names *engine.Names) bool {
	return r.template != nil && !slices.ContainsFunc(r.problems, func(problem engine.Problem) bool {
		return !slices.ContainsFunc(names.Placements, func(p engine.PlacementNames) bool {
			return strings.HasPrefix(string(problem.Field), string(p.Field)+".")
		})
	})
}

func (r *resolver) add(field engine.Field, summary, detail string, args ...any) {
	r.problems = append(r.problems, engine.Problem{Field: field, Summary: summary, Detail: fmt.Sprintf(detail, args...)})
}

// choose picks one object and reports the problem where it can't.
func (r *resolver) choose(field engine.Field, kind, wanted, where string, from []*node) *node {
	n, problem := choice{field: field, kind: kind, wanted: wanted, where: where, from: from, user: r.user}.pick()
	if problem != nil {
		r.problems = append(r.problems, *problem)
	}
	return n
}

func (r *resolver) inDatacenter() string { return fmt.Sprintf("datacenter %q", r.dc.name) }

// vmFolder is the root of the datacenter's VM folders.
func (inv *inventory) vmFolder(dc *node) *node {
	return inv.nodes[value[types.ManagedObjectReference](dc.properties, "vmFolder")]
}

// walk follows a folder path below the datacenter's VM folder as far as it
// exists, and answers the paths that are missing, outermost first.
func (inv *inventory) walk(dc *node, path string) (at *node, missing []string, blocked *node) {
	at = inv.vmFolder(dc)
	if at == nil {
		return nil, nil, nil
	}
	segments := folderSegments(at, path)
	for i, segment := range segments {
		var child *node
		for _, n := range inv.nodes {
			if n.parent == at && (n.name == segment || n.raw == segment) {
				child = n
			}
		}
		if child == nil {
			for j := i; j < len(segments); j++ {
				missing = append(missing, strings.Join(segments[:j+1], "/"))
			}
			return at, missing, nil
		}
		if child.ref.Type != "Folder" {
			return at, nil, child
		}
		at = child
	}
	return at, nil, nil
}

// folderSegments splits a path below the VM folder; a full inventory path of
// this datacenter is understood too.
func folderSegments(root *node, path string) []string {
	if rest, ok := strings.CutPrefix(path+"/", root.path()+"/"); ok {
		path = rest
	}
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
}

func (r *resolver) folder(path string) {
	at, missing, blocked := r.walk(r.dc, path)
	switch {
	case at == nil:
		r.add("folder", "VM folders are not visible", "The account %q may not see the VM folder of %s: grant it read access there.", r.user, r.inDatacenter())
	case blocked != nil:
		r.add("folder", fmt.Sprintf("%q is no folder", path), "%q is a %s. Choose another path.", blocked.path(), blocked.ref.Type)
	case len(missing) > 0:
		r.site.MissingFolders = missing
	default:
		r.site.Folder = at.ref.String()
	}
}

func (r *resolver) image(names *engine.Names) {
	root, where := r.dc.ref, r.inDatacenter()
	if names.ImageFolder != "" {
		folder := r.choose("image_folder", "image folder", names.ImageFolder, where, r.below(r.dc.ref, folderTypes...))
		if folder == nil {
			return
		}
		root, where = folder.ref, fmt.Sprintf("folder %q", folder.path())
	}
	search := choice{
		field: names.TemplateField, kind: "template", wanted: names.Template, where: where, user: r.user,
		from: r.below(root, machineTypes...),
	}
	// Where a template and a machine share a name, the template is meant; and
	// machines are not suggested where templates are looked for.
	templates := search
	templates.from = slices.DeleteFunc(slices.Clone(search.from), func(n *node) bool { return !isTemplate(n) })
	if len(templates.matches()) > 0 || len(search.matches()) == 0 {
		search = templates
	}
	image, problem := search.pick()
	if problem != nil {
		r.problems = append(r.problems, *problem)
		return
	}
	if s := value[types.VirtualMachineConnectionState](image.properties, "runtime.connectionState"); s != "" && s != types.VirtualMachineConnectionStateConnected {
		r.add(names.TemplateField, fmt.Sprintf("Template %q is %s", image.name, s),
			"vCenter cannot reach %q: see whether its host is connected and its datastore mounted.", image.path())
		return
	}
	r.template, r.field = image, names.TemplateField
	r.site.Template = engine.Template{Ref: image.ref.String(), Path: image.path()}
	if snapshot, ok := image.values["snapshot.currentSnapshot"].(types.ManagedObjectReference); ok {
		r.site.Template.Snapshot = snapshot.String()
	}
}
