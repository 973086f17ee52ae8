package vsphere

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// imageKey is the extra configuration in which the template of an image says what it was
// made of. Gantry's clones do not keep it; an administrator's do.
const imageKey = "gantry.image"

// imageSchema is the version of the marker that this Gantry writes.
const imageSchema = 1

// imageMarker is the JSON under imageKey. While its disks are being uploaded, a VM says that.
// Afterwards it names itself by its instance UUID, which a clone that keeps the marker does
// not have.
type imageMarker struct {
	Schema    int    `json:"schema"`
	SHA256    string `json:"sha256"`
	Importing bool   `json:"importing,omitempty"`
	VM        string `json:"vm,omitempty"`
	// Item and Version are what a template is that was made of a library's item.
	Item    string `json:"item,omitempty"`
	Version string `json:"version,omitempty"`
	// Built is true for one that was built, and not only imported.
	Built bool `json:"built,omitempty"`
	// Base is, of one that was built, the version of what it was built of, and Of its path then.
	Base string `json:"base,omitempty"`
	Of   string `json:"of,omitempty"`
}

// markerOfImage is the marker of what is made of an image.
func markerOfImage(image model.Image) imageMarker {
	m := imageMarker{Schema: imageSchema, SHA256: image.Digest()}
	switch {
	case image.Library != nil:
		m.Item = image.Library.Content.ID
		m.Version = image.Library.Content.Version
	case image.Build != nil:
		m.Built = true
		m.Base = image.Build.BaseVersion
		m.Of = image.Build.BasePath
	}
	return m
}

// of reports whether the marker is that of an image.
func (m imageMarker) of(image model.Image) bool {
	return m.SHA256 == image.Digest() && (image.Build == nil || m.Base == image.Build.BaseVersion)
}

// original reports whether a VM with the marker is the one that was given it, and no copy.
func (m imageMarker) original(p properties) bool {
	return m.VM != "" && strings.EqualFold(m.VM, instanceUUID(p))
}

func (m imageMarker) option() (*types.OptionValue, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the marker of an image: %w", err)
	}
	return &types.OptionValue{Key: imageKey, Value: string(text)}, nil
}

// imageMarkerOf decodes the marker of an image; false for a VM without one, for one that a
// newer Gantry has made, and for a node. A VM of which an image is made has both markers, and so has
// a copy that a user has made of it, which is the user's.
func imageMarkerOf(p properties) (imageMarker, bool) {
	var m imageMarker
	if json.Unmarshal([]byte(p.option(imageKey)), &m) != nil || m.Schema > imageSchema || m.SHA256 == "" {
		return m, false
	}
	node, isNode := markerOf(p)
	return m, !isNode || node.Builder() && m.Importing && !node.copied(p)
}

// imported are the VMs and templates of an image in a datacenter: the original first, whatever it is
// called by now, then those that have its name and are in its folder, then by path. A copy that an
// administrator has made will do, too, but after the original.
func (inv *inventory) imported(dc *node, image model.Image) []*node {
	found := inv.all(func(n *node) bool {
		m, ok := imageMarkerOf(n.properties)
		return ok && m.of(image) && n.within(dc.ref)
	}, machineTypes...)
	folder, _, _ := inv.walk(dc, image.Folder)
	rank := func(n *node) int {
		switch {
		case n.named(image.Template) && n.parent == folder:
			return 0
		case n.named(image.Template):
			return 1
		}
		return 2
	}
	copied := func(n *node) int {
		if m, _ := imageMarkerOf(n.properties); m.original(n.properties) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(found, func(a, b *node) int {
		return cmp.Or(cmp.Compare(copied(a), copied(b)), cmp.Compare(rank(a), rank(b)))
	})
	return found
}

// nameHolder is what has the name of an image in its folder; nil: nothing has.
func (inv *inventory) nameHolder(dc *node, image model.Image) *node {
	folder, missing, blocked := inv.walk(dc, image.Folder)
	if folder == nil || len(missing) > 0 || blocked != nil {
		return nil
	}
	return folder.child(image.Template)
}

// uploadedImage reports whether a VM, which is no template, is one that Gantry has uploaded
// and left alone since: no clone of it, and not in use.
func (inv *inventory) uploadedImage(dc *node, image model.Image, n *node) bool {
	m, ok := imageMarkerOf(n.properties)
	return ok && !m.Importing && !isTemplate(n) && !poweredOn(n.properties) && inv.nameHolder(dc, image) == n &&
		m.original(n.properties)
}

// begunImage reports whether a VM is one whose disks are being uploaded, or were when that
// was interrupted.
func begunImage(n *node) bool {
	m, ok := imageMarkerOf(n.properties)
	return ok && m.Importing && !isTemplate(n)
}

// conflict is what has the name of an image in its folder and no import goes on with; nil:
// nothing is in the way.
func (inv *inventory) conflict(dc *node, image model.Image) *node {
	holder := inv.nameHolder(dc, image)
	if holder == nil || inv.uploadedImage(dc, image, holder) {
		return nil
	}
	if m, _ := imageMarkerOf(holder.properties); begunImage(holder) && m.of(image) {
		return nil
	}
	return holder
}

// importedImage resolves an image that is made of an OVA, or built. One that is not there will be: it
// leaves its part of the site empty, and no finding unless something is in its way.
func (r *resolver) importedImage(pool string, image model.Image, field model.Field) {
	if !r.importFolder(image) {
		return
	}
	image, base, found := r.made(image)
	if image.Build != nil {
		r.site.BaseRef = base.ref
	}
	if i := slices.IndexFunc(found, wholeTemplate); i >= 0 {
		r.chooseTemplate(pool, field, found[i])
		return
	}
	r.chooseBase(image, base, field)
	if holder := r.conflict(r.dc, image); holder != nil {
		r.refuse(field, fmt.Sprintf("The name %q of the image is taken", image.Template),
			"The image is made as %q, and %q, which Gantry has not made, has that name. Rename or remove it, or set another image_folder.",
			image.Template, holder.path)
	}
}

// wholeTemplate reports whether an imported VM is ready to be cloned.
func wholeTemplate(n *node) bool {
	m, _ := imageMarkerOf(n.properties)
	return isTemplate(n) && !m.Importing
}

// importFolder reports whether an image can be imported into its folder, which may be
// missing yet.
func (r *resolver) importFolder(image model.Image) bool {
	field := model.ClusterField(model.FieldImageFolder)
	at, missing, blocked := r.walk(r.dc, image.Folder)
	switch {
	case at == nil:
		r.refuse(field, "VM folders cannot be read",
			"The account %q cannot read the VM folder of %s. Grant it read access there.", r.user, r.inDatacenter())
		return false
	case r.vmFolder(r.dc).elsewhere(image.Folder):
		r.refuse(field, "A folder of another datacenter",
			"%q is a full path that does not lead into %s. Begin it with %s, or leave out the beginning.",
			image.Folder, r.inDatacenter(), r.vmFolder(r.dc).path)
		return false
	case blocked != nil:
		r.refuse(field, fmt.Sprintf("%q is not a folder", image.Folder),
			"%q is a %s. Choose another path.", blocked.path, blocked.ref.Type)
		return false
	}
	r.site.ImageFolder = model.ImageFolder{Ref: at.ref.String(), Path: at.path, Missing: len(missing) > 0}
	return true
}

// ImageFolder implements model.VCenter. Besides the missing folders it is one call at most.
func (c *Client) ImageFolder(ctx context.Context, datacenter, folder string) (string, error) {
	levels, err := c.CreateFolder(ctx, datacenter, folder, 0)
	if err != nil {
		return "", err
	}
	if len(levels) > 0 {
		return levels[len(levels)-1].Ref, nil
	}
	inv, dc, err := c.folderTree(ctx, datacenter, 5*time.Second)
	if err != nil {
		return "", err
	}
	root := inv.vmFolder(dc)
	if root == nil {
		return "", c.hiddenVMFolder(dc)
	}
	return root.ref.String(), nil
}

// FindImage implements model.VCenter.
func (c *Client) FindImage(ctx context.Context, q model.ImageQuery) (*model.FoundImage, error) {
	op := fmt.Sprintf("look for the image %q", q.Image.Template)
	inv, err := c.tree(ctx, 0)
	if err != nil {
		return nil, err
	}
	dc, err := inv.datacenterIn(q.Datacenter)
	if err != nil {
		return nil, c.failed(op, err)
	}
	r := &resolver{inventory: inv, dc: dc}
	made, base, found := r.made(q.Image)
	q.Image = made
	image := &model.FoundImage{Image: q.Image, Datacenter: dc.ref.String(), BaseFindings: base.findings}
	for _, n := range found {
		switch {
		case wholeTemplate(n):
			if len(r.templates) == 0 {
				r.chooseTemplate("", model.ClusterField(model.FieldTemplate), n)
			}
		case begunImage(n):
			image.Begun = append(image.Begun, n.ref.String())
		case inv.uploadedImage(dc, q.Image, n):
			image.Uploaded = n.ref.String()
			if snapshot, ok := currentSnapshot(n); ok {
				image.Snapshot = snapshot.String()
			}
		}
	}
	if holder := inv.conflict(dc, q.Image); holder != nil && len(r.templates) == 0 {
		begun, err := c.deploys(ctx, q.Image, holder)
		if err != nil {
			return nil, c.failed(op, err)
		}
		if begun {
			image.Begun = append(image.Begun, holder.ref.String())
		} else {
			image.Holder = holder.path
		}
	}
	if len(r.templates) == 0 {
		r.templates = base.chosen
	}
	details, _, err := c.details(ctx, nil, nil, r.templates, 0)
	if err != nil {
		return nil, c.failed(op, err)
	}
	r.describeTemplates(c, details)
	image.Template = r.site.Template
	image.Base = r.site.Base
	if len(base.chosen) > 0 && image.Template.Ref == "" {
		image.BaseFindings.Add(r.findings) // they are about the base
		return image, nil
	}
	image.Findings = r.findings
	return image, nil
}
