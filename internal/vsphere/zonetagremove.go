package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// HeldZoneTag is what a gantry_zone_tag has on its object, as its state says.
type HeldZoneTag struct {
	ID string // empty: not known
	// Made is set where the resource has made the tag, whatever its description says by now.
	Made bool
	// Attached is as in ZoneTagState.
	Attached bool
	// Heirs are the creations of the same run that use tags which were there, by the tag's id:
	// create_before_destroy puts them first. They get the tags instead of losing them.
	Heirs map[string]ZoneTagMaker
}

// made reports whether a creation has made a tag for its object. A description that was
// edited says nothing; the state does.
func (h HeldZoneTag) made(o ZoneObject, tag ZoneTag, maker ZoneTagMaker) bool {
	edited := tag.Maker == ZoneTagMaker{}
	return tag.Maker.isOf(o, maker) || h.Made && tag.ID == h.ID && edited
}

// RemoveZoneTag takes off an object what was put there: tags that were made for it are
// deleted where nothing else has them, the others taken off, and what an administrator has
// attached stays. It returns what was kept although it was made here, in words.
func (c *Client) RemoveZoneTag(ctx context.Context, o ZoneObject, maker ZoneTagMaker, held HeldZoneTag) (kept []string, err error) {
	op := fmt.Sprintf("remove the tag of category %s from %s", o.Category, c.path(o.ref))
	defer c.site.tagsChanged()
	own, err := c.ownZoneTags(ctx, o, maker, held)
	if err != nil {
		return nil, c.zoneTagFailed(op, err)
	}
	for _, tag := range own {
		if heir, inherits := held.Heirs[tag.ID]; inherits {
			if err := c.giveZoneTag(ctx, o, tag, heir); err != nil {
				return kept, c.zoneTagFailed(op, err)
			}
			continue
		}
		why, err := c.dropZoneTag(ctx, o, tag, true)
		if err != nil {
			return kept, c.zoneTagFailed(op, err)
		}
		if why != "" {
			kept = append(kept, fmt.Sprintf("The tag %q of category %s is kept: %s.", tag.Value, o.Category, why))
		}
	}
	if held.ID == "" || !held.Attached || slices.ContainsFunc(own, func(t ZoneTag) bool { return t.ID == held.ID }) {
		return kept, nil
	}
	if _, inherits := held.Heirs[held.ID]; inherits {
		return kept, nil
	}
	tag, err := c.ZoneTag(ctx, held.ID)
	switch {
	case errors.Is(err, model.ErrGone), err == nil && tag.Maker.ID == o.ID:
		return kept, nil // deleted, or another creation's by now
	case err != nil:
		return kept, c.zoneTagFailed(op, err)
	}
	_, err = c.dropZoneTag(ctx, o, tag, false)
	return kept, c.zoneTagFailed(op, err)
}

// ownZoneTags are the tags that a creation has made for an object: more than one where a run
// was killed while it changed the value.
func (c *Client) ownZoneTags(ctx context.Context, o ZoneObject, maker ZoneTagMaker, held HeldZoneTag) ([]ZoneTag, error) {
	ids, err := c.categoriesNamed(ctx, o.Category, "")
	if err != nil {
		return nil, err
	}
	var own []ZoneTag
	for _, id := range ids {
		tags, err := c.zoneTagsIn(ctx, id)
		if err != nil && !notFound(err) {
			return nil, err
		}
		for _, tag := range tags {
			if held.made(o, tag, maker) {
				own = append(own, tag)
			}
		}
	}
	return own, nil
}

// dropZoneTag takes a tag off an object, and deletes it where it was made for the object and
// nothing else has it: it says why one is kept that was. A delete takes the tag off in the
// same call, so that a run that is killed leaves no tag behind which nothing has.
func (c *Client) dropZoneTag(ctx context.Context, o ZoneObject, tag ZoneTag, mine bool) (kept string, err error) {
	if mine {
		kept, err = c.usedElsewhere(ctx, o, tag)
		if err != nil {
			return "", err
		}
		if kept == "" {
			err = c.rest.call(ctx, http.MethodDelete, tagPath+"/id:"+tag.ID, nil, nil)
			if notFound(err) {
				err = nil
			}
			return "", err
		}
	}
	err = c.attach(ctx, o, tag.ID, "detach")
	if notFound(err) {
		err = nil
	}
	return kept, err
}

// usedElsewhere says why a tag may be on something else; empty where it is not. A list of
// what has a tag leaves out what the account may not read: only who reads the whole
// inventory knows that there is nothing more.
func (c *Client) usedElsewhere(ctx context.Context, o ZoneObject, tag ZoneTag) (string, error) {
	var on []attachedObject
	path := objectsPath + "/id:" + tag.ID + "?~action=list-attached-objects"
	err := c.rest.read(ctx, http.MethodPost, path, nil, &on)
	if notFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, other := range on {
		ref := types.ManagedObjectReference{Type: other.Type, Value: other.ID}
		if ref != o.ref {
			return fmt.Sprintf("%s has it, too", c.path(ref)), nil
		}
	}
	unread, err := c.unreadable(ctx)
	if err != nil || unread == "" {
		return "", err
	}
	return fmt.Sprintf("the account %q may not read %s, so that something else may have it", c.config.Username, unread), nil
}

// unreadable returns one of the objects that may have zone tags, or what is above them all,
// that the account sees and may not read; empty: there is none.
func (c *Client) unreadable(ctx context.Context) (string, error) {
	inv, err := c.bareTree(ctx, whereMaxAge)
	if err != nil {
		return "", err
	}
	objects := map[string][]string{}
	for _, ref := range append(inv.tagged(), c.soap.content.RootFolder) {
		objects[ref.String()] = []string{"System.Read"}
	}
	lacks, err := c.Lacks(ctx, model.PrivilegeRequest{Objects: objects})
	if err != nil {
		return "", err
	}
	for ref := range objects {
		// Of one that is hidden by now, nothing is said.
		if lacking, said := lacks[ref]; said && len(lacking) == 0 {
			continue
		}
		if ref == c.RootFolder() {
			return "vCenter's root object", nil
		}
		parsed, err := parseRef("", ref)
		return c.path(parsed), err
	}
	return "", nil
}

func objectRefs(o ZoneObject) []types.ManagedObjectReference {
	return []types.ManagedObjectReference{o.ref}
}
