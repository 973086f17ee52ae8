package vsphere

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// imageBase is the template that an image is built of; of one that is built of an OVA, or is not
// built, it is empty.
type imageBase struct {
	chosen   []*chosenTemplate // one that can be cloned, or none
	gone     bool              // no template has its name
	ref      string
	path     string
	version  string
	findings model.Findings
}

// baseOf finds the template that an image is built of. One that cannot be cloned now, as it is
// being patched, has its version, too.
func (r *resolver) baseOf(image model.Image) imageBase {
	if image.Build == nil || image.Build.Base.OVA != nil {
		return imageBase{}
	}
	search := &resolver{inventory: r.inventory, dc: r.dc}
	search.image("", image.Build.Base)
	b := imageBase{chosen: search.templates, findings: search.findings}
	var at *node
	if len(b.chosen) > 0 {
		b.chosen[0].base = true
		at = b.chosen[0].node
	} else {
		named := r.namedTemplates(image.Build.Base)
		b.gone = len(named) == 0
		if len(named) == 1 {
			at = named[0]
		}
	}
	if at != nil {
		b.ref = at.ref.String()
		b.path = at.path
		b.version = baseVersion(at)
	}
	return b
}

// namedTemplates are what the name of a template may mean: templates, or else VMs.
func (r *resolver) namedTemplates(image model.Image) []*node {
	root := r.dc
	if image.Folder != "" {
		at, missing, blocked := r.walk(r.dc, image.Folder)
		if at == nil || len(missing) > 0 || blocked != nil {
			return nil
		}
		root = at
	}
	found := r.all(func(n *node) bool { return n.matches(image.Template) && n.within(root.ref) }, machineTypes...)
	if slices.ContainsFunc(found, isTemplate) {
		found = slices.DeleteFunc(found, func(n *node) bool { return !isTemplate(n) })
	}
	return found
}

// made returns what there is of an image that Gantry makes, and of a built one which version of its
// base is meant. Where the base is gone, that is the version of which there is an image: of several,
// the one that nodes of the cluster were cloned from.
func (r *resolver) made(image model.Image) (model.Image, imageBase, []*node) {
	base := r.baseOf(image)
	if !base.gone {
		image = image.OfBase(base.version, base.path)
		return image, base, r.imported(r.dc, image)
	}
	whole := slices.DeleteFunc(r.builtOfAny(r.dc, image), func(n *node) bool { return !wholeTemplate(n) })
	if i := slices.IndexFunc(whole, r.hasClones); i >= 0 {
		whole = whole[i : i+1]
	}
	switch len(whole) {
	case 0:
	case 1:
		m, _ := imageMarkerOf(whole[0].properties)
		image = image.OfBase(m.Base, m.Of)
	default:
		base.findings.Refuse(model.ClusterField(model.FieldTemplate), fmt.Sprintf("There are several images of %q", image.Build.Base.Template),
			"The template is gone, and of what it was at several times there are %s. Delete in vCenter those that are not to be used, or "+
				"set another template.", listedPaths(whole))
		whole = nil
	}
	return image, base, whole
}

// hasClones reports whether a machine of the cluster was cloned from a template.
func (r *resolver) hasClones(template *node) bool {
	return slices.ContainsFunc(r.own, func(m marked) bool { return m.marker.TemplateRef == template.ref.String() })
}

func listedPaths(nodes []*node) string {
	paths := make([]string, len(nodes))
	for i, n := range nodes {
		paths[i] = n.path
	}
	return bounded(paths)
}

// baseVersion tells a template from another one of its name, which has another instance UUID,
// and from what it was before its last snapshot. What else is changed of it, such as its notes,
// makes no other image. One that Gantry has made is what it was made of, whatever snapshots
// others take of it, such as a backup.
func baseVersion(n *node) string {
	snapshot := ""
	if m, ok := imageMarkerOf(n.properties); ok && m.original(n.properties) && isTemplate(n) {
		snapshot = m.SHA256 + " " + m.Base
	} else if ref, ok := currentSnapshot(n); ok {
		snapshot = ref.String()
	}
	sum := sha256.Sum256([]byte(instanceUUID(n.properties) + " " + snapshot))
	return hex.EncodeToString(sum[:4])
}

// builtOfAny are the VMs and templates of a built image, of whichever version of its base: of a
// template that had its name.
func (inv *inventory) builtOfAny(dc *node, image model.Image) []*node {
	return inv.all(func(n *node) bool {
		m, ok := imageMarkerOf(n.properties)
		return ok && m.SHA256 == image.Digest() && inventoryname.MayMatch(m.Of, image.Build.Base.Template) && n.within(dc.ref)
	}, machineTypes...)
}

// chooseBase takes the template that a built image is to be built of, and says so where there is
// an image already, of what that template was before.
func (r *resolver) chooseBase(image model.Image, base imageBase, field model.Field) {
	r.findings.Add(base.findings)
	if len(base.chosen) == 0 {
		return
	}
	r.templates = append(r.templates, base.chosen...)
	for _, n := range r.builtOfAny(r.dc, image) {
		if wholeTemplate(n) {
			r.findings.Warn(field, fmt.Sprintf("The template %q is not what the image was built of", base.chosen[0].name),
				"The image %q was built of another template of that name, or of one with another snapshot. The next node is cloned from an image "+
					"that is built anew, of what the template is now; nodes that are there stay as they are. To have them all alike, "+
					"replace the others by replace_nodes.", n.path)
			return
		}
	}
}
