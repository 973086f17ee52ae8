package vsphere

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// libraryImage resolves an image that is made of a library's item: which version of it is
// meant, and whether a template was made of that. Without a version that was asked for, it is
// that of the cluster's nodes, so that they stay alike whoever publishes another one; where
// its template is there, it does not matter what the library has by now.
func (r *resolver) libraryImage(pool string, image model.Image, field model.Field) {
	if !r.importFolder(image) {
		return
	}
	item := *image.Library
	image.Library = &item
	found := r.libraries[libraryNames{item.Library, item.Item}]
	if found.item != nil {
		item.Content = found.item.content()
	}
	kept, hasKept := r.kept(pool, item)
	summary, detail := found.problem(&item, r.user)
	if template := r.wantedTemplate(image, kept, hasKept); template != nil {
		m, _ := imageMarkerOf(template.properties)
		switch {
		case summary != "" || item.OfOneItem():
		case m.Item != item.Content.ID:
			r.warnOfItemMadeAgain(field, item, m)
		case item.Version == "" && m.Version != item.Content.Version:
			r.warnOfAnotherVersion(field, item, m.Version)
		}
		r.setContent(pool, model.LibraryContent{ID: m.Item, Version: m.Version})
		r.chooseTemplate(pool, field, template)
		return
	}
	asked, _ := item.Asked()
	switch {
	case found.failed != nil && found.failed.Transient():
		r.failed = found.failed
	case summary != "":
		r.findings.Refuse(field, summary, "%s", detail)
	case !asked.Is(item.Content.ID, item.Content.Version):
		r.refuse(field, fmt.Sprintf("Version %q of item %q is not there", item.Version, item.Item),
			"The content library %q has version %s of %q and keeps no other one, and no template of version %s was made in %s. "+
				"Set version = %[6]q, or remove version.", item.Library, item.Content.Version, item.Item, item.Version, r.inDatacenter(),
			presentVersion(item))
	default:
		if hasKept && !kept.Is(item.Content.ID, item.Content.Version) {
			r.findings.Warn(field, fmt.Sprintf("Version %s of item %q is gone", kept.Version, item.Item),
				"The template that was made of version %s of %q, and that nodes were built from, is not there any more, and the content library "+
					"%q has version %s. New nodes are built from that one; the others stay as they are.",
				kept.Version, item.Item, item.Library, item.Content.Version)
		}
		r.toBeDeployed(pool, field, image)
	}
}

func (r *resolver) warnOfAnotherVersion(field model.Field, item model.LibraryItem, kept string) {
	r.findings.Warn(field, fmt.Sprintf("Item %q has another version", item.Item),
		"The nodes were built from version %s of %q, and the content library %q has version %s. New nodes are built from version %[1]s, too. "+
			"To build all nodes from the other one, set version = %[4]q; to stay without this warning, set version = %[1]q.",
		kept, item.Item, item.Library, item.Content.Version)
}

// presentVersion is how the version that the library has is asked for.
func presentVersion(item model.LibraryItem) string {
	if item.OfOneItem() {
		return model.VersionOfItem(item.Content.ID, item.Content.Version)
	}
	return item.Content.Version
}

// warnOfItemMadeAgain says that the nodes were built from an item that was deleted, and that
// another one has its name, whose versions say nothing of those of the former one.
func (r *resolver) warnOfItemMadeAgain(field model.Field, item model.LibraryItem, kept imageMarker) {
	r.findings.Warn(field, fmt.Sprintf("Item %q was made again", item.Item),
		"The nodes were built from version %s of an item %q that the content library %q has no more: it was deleted, and another item has "+
			"its name, in version %s. New nodes are built from the former one, too. To build all nodes from the one that is there now, set "+
			"version = %q; to stay without this warning, set version = %q.",
		kept.Version, item.Item, item.Library, item.Content.Version,
		model.VersionOfItem(item.Content.ID, item.Content.Version), model.VersionOfItem(kept.Item, kept.Version))
}

// kept is the newest version of an item that nodes with the image of a pool were built from,
// of those that were asked for; of several items of one name, that of the present one.
func (r *resolver) kept(pool string, item model.LibraryItem) (kept model.LibraryOrigin, found bool) {
	for _, m := range r.own {
		of := m.marker.NodePool
		if m.marker.LoadBalancer() {
			of = model.LoadBalancerPool
		}
		if _, own := r.names.PoolImages[of]; own != (pool != "") || own && of != pool {
			continue // it has another image
		}
		origin, ok := item.Origin(m.marker.Template)
		if !ok || !item.Wants(origin) {
			continue
		}
		present := origin.Key == model.LibraryKey(item.Content.ID)
		if presentKept := kept.Key == model.LibraryKey(item.Content.ID); !found || present && !presentKept ||
			present == presentKept && origin.NewerThan(kept) {
			kept = origin
			found = true
		}
	}
	return kept, found
}

// wantedTemplate is the template of the version that is meant; nil: it has to be made.
func (r *resolver) wantedTemplate(image model.Image, kept model.LibraryOrigin, hasKept bool) *node {
	item := *image.Library
	if hasKept {
		if n := r.madeOf(image.Folder, kept.Is); n != nil || item.Version == "" {
			return n
		}
	}
	asked, known := item.Asked()
	if !known {
		return nil
	}
	return r.madeOf(image.Folder, asked.Is)
}

// madeOf is a template that was made of a version of an item, preferably one in the image
// folder.
func (r *resolver) madeOf(folder string, is func(id, version string) bool) *node {
	found := r.all(func(n *node) bool {
		m, ok := imageMarkerOf(n.properties)
		return ok && m.Item != "" && is(m.Item, m.Version) && wholeTemplate(n) && n.within(r.dc.ref)
	}, machineTypes...)
	if len(found) == 0 {
		return nil
	}
	at, _, _ := r.walk(r.dc, folder)
	return found[max(0, slices.IndexFunc(found, func(n *node) bool { return n.parent == at }))]
}

// toBeDeployed notes what an image will be made of, unless something is in its way. What may
// be a deployment that is under way, or that was killed, the import judges.
func (r *resolver) toBeDeployed(pool string, field model.Field, image model.Image) {
	image.Template = image.Library.ImageName()
	holder := r.conflict(r.dc, image)
	if holder == nil || mayBeDeployed(holder) {
		r.setContent(pool, image.Library.Content)
		return
	}
	r.refuse(field, fmt.Sprintf("The name %q of the image is taken", image.Template),
		"The image is deployed as %q, and %q, which Gantry has not deployed, has that name. Rename or remove it, or set another image_folder.",
		image.Template, holder.path)
}

func (r *resolver) setContent(pool string, content model.LibraryContent) {
	if r.site.Contents == nil {
		r.site.Contents = map[string]model.LibraryContent{}
	}
	r.site.Contents[pool] = content
}

// mayBeDeployed reports whether something may be a VM that is being deployed.
func mayBeDeployed(n *node) bool {
	return n.ref.Type == "VirtualMachine" && !isTemplate(n) && !poweredOn(n.properties)
}

// deployingNotes are the notes of a VM that is being deployed of an item. vCenter sets them when
// it makes the VM: by them, what a killed run has begun is known. SealImage replaces them.
func deployingNotes(image model.Image) string {
	return "Gantry deploys a node image as this VM: " + image.Digest()
}

// deploys reports whether what has the name of an image is a VM that is being deployed of it,
// or was when that was interrupted. While vCenter tells nothing of the VM, that is not known.
func (c *Client) deploys(ctx context.Context, image model.Image, holder *node) (bool, error) {
	if image.Library == nil || !mayBeDeployed(holder) {
		return false, nil
	}
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{holder.ref},
		map[string][]string{"VirtualMachine": {notesProperty, "config.instanceUuid"}}))
	if err != nil {
		return false, err
	}
	if len(found) == 0 || found[0].vanished() || value[string](found[0], "config.instanceUuid") == "" {
		return false, &Error{
			Reason: fmt.Sprintf("vCenter tells nothing of %q, which has the name of the image: it is being made, or its datastore is not accessible",
				holder.path),
			Advice: "wait, or remove it", kind: kindTransient,
		}
	}
	return value[string](found[0], notesProperty) == deployingNotes(image), nil
}
