package vsphere

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// imageBase is the template that an image is built of; of one that is built of an OVA, or is not
// built, it is empty.
type imageBase struct {
	chosen   []*chosenTemplate // one, or none
	ref      string
	path     string
	version  string
	findings model.Findings
}

// missing reports whether there is no such template that could be used.
func (b imageBase) missing() bool { return len(b.findings.Problems) > 0 }

// baseOf finds the template that an image is built of.
func (r *resolver) baseOf(image model.Image) imageBase {
	if image.Build == nil || image.Build.Base.OVA != nil {
		return imageBase{}
	}
	search := &resolver{inventory: r.inventory, dc: r.dc}
	search.image("", image.Build.Base)
	b := imageBase{chosen: search.templates, findings: search.findings}
	if len(b.chosen) > 0 {
		b.chosen[0].base = true
		b.ref = b.chosen[0].ref.String()
		b.path = b.chosen[0].path
		b.version = baseVersion(b.chosen[0].node)
	}
	return b
}

// baseVersion tells a template from another one of its name, which has another instance UUID,
// and from what it was before its last snapshot. What else is changed of it, such as its notes,
// makes no other image.
func baseVersion(n *node) string {
	snapshot := ""
	if ref, ok := currentSnapshot(n); ok {
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
