package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// ZoneTagState is what is known of a tag on an object, also where setting it failed half way.
type ZoneTagState struct {
	// Began is set before the first tag is made or attached.
	Began bool
	// Made is the id of the tag that was made, also where it was not attached.
	Made string
	Tag  ZoneTag
	// Attached is set where the tag was attached here, or may have been: the answer was lost.
	// What an administrator or another creation has attached stays when the resource goes.
	Attached bool
}

// ZoneTakenError says that an object has another tag of the category already.
type ZoneTakenError struct {
	Object, Category string
	Values           []string
}

func (e *ZoneTakenError) Error() string {
	return fmt.Sprintf("%s has the tag %s of category %s already, and an object has one zone", e.Object, bounded(quoted(e.Values)), e.Category)
}

// setAttempts bounds how often a tag is made anew that others delete in between.
const setAttempts = 3

// SetZoneTag makes a value the one tag of an object in its category, and makes what is
// missing: category, tag, attachment. former is the tag that it replaces, if there is one.
// State is filled in as it goes. It can be called again after it failed.
func (c *Client) SetZoneTag(
	ctx context.Context, o ZoneObject, value string, maker ZoneTagMaker, former HeldZoneTag, state *ZoneTagState,
) error {
	op := fmt.Sprintf("put the tag %q of category %s on %s", value, o.Category, o.Path)
	defer c.site.tagsChanged()
	var err error
	for range setAttempts {
		var done bool
		if done, err = c.trySetZoneTag(ctx, o, value, maker, former, state); err == nil && done {
			return nil
		}
		if err != nil && !notFound(err) && !invalidArgument(err) {
			return c.zoneTagFailed(op, err)
		}
	}
	if err == nil {
		err = &Error{Reason: "others delete it again and again", Advice: "find out who deletes the tag, and apply again"}
	}
	if invalidArgument(err) {
		err = &Error{
			Reason: fmt.Sprintf("vCenter refuses the tag; the object may have one that the account %q cannot list", c.config.Username),
			Advice: "grant System.Read as a global permission, or have an administrator look at the object's tags",
			cause:  err,
		}
	}
	return c.zoneTagFailed(op, err)
}

// trySetZoneTag reports whether the object has the tag now.
func (c *Client) trySetZoneTag(
	ctx context.Context, o ZoneObject, value string, maker ZoneTagMaker, former HeldZoneTag, state *ZoneTagState,
) (bool, error) {
	on, err := c.zoneTagsNow(ctx, o)
	if err != nil {
		return false, err
	}
	there := slices.IndexFunc(on, func(t ZoneTag) bool { return t.Value == value })
	if there >= 0 && on[there].ID == former.ID {
		adoptZoneTag(on[there], maker, state) // it stays as it is, whatever was put beside it
		return true, nil
	}
	var others []string
	for i, tag := range on {
		if tag.ID != former.ID && i != there {
			others = append(others, tag.Value)
		}
	}
	if len(others) > 0 {
		return false, &ZoneTakenError{Object: o.Path, Category: o.Category, Values: others}
	}
	if there >= 0 {
		tag := on[there]
		if err := c.dropFormer(ctx, o, slices.Delete(on, there, there+1), maker, former); err != nil {
			return false, err
		}
		adoptZoneTag(tag, maker, state)
		return true, nil
	}
	category, err := c.zoneCategory(ctx, o)
	if err == nil && category.ID == "" {
		category, err = c.createZoneCategory(ctx, o)
	}
	if err != nil {
		return false, err
	}
	state.Began = true
	tag, err := c.createZoneTag(ctx, o, category, value, maker)
	if err != nil {
		return false, err
	}
	if tag.Maker == maker {
		state.Made = tag.ID
	}
	if err := c.dropFormer(ctx, o, on, maker, former); err != nil {
		return false, err
	}
	state.Tag = tag
	state.Attached = true
	if err := c.attach(ctx, o, tag.ID, "attach"); err != nil {
		return false, err
	}
	// One that another run has deleted since took its attachments with it.
	on, err = c.zoneTagsNow(ctx, o)
	return slices.ContainsFunc(on, func(t ZoneTag) bool { return t.ID == tag.ID }), err
}

// dropFormer takes the former tag off: an object may have one alone.
func (c *Client) dropFormer(ctx context.Context, o ZoneObject, on []ZoneTag, maker ZoneTagMaker, former HeldZoneTag) error {
	for _, old := range on {
		if _, err := c.dropZoneTag(ctx, o, old, former.made(o, old, maker)); err != nil {
			return err
		}
	}
	return nil
}

// isOf reports whether a tag was made for an object, by the creation of it that the maker is
// of. One that does not know its incarnation takes any for its own.
func (m ZoneTagMaker) isOf(o ZoneObject, maker ZoneTagMaker) bool {
	return m.ID == o.ID && m.Incarnation.Is(maker.Incarnation)
}

// adoptZoneTag takes the tag that an object has for the resource's, as it is. One that another
// creation has made for the object, or put on it, stays that one's: its state may be alive.
func adoptZoneTag(tag ZoneTag, maker ZoneTagMaker, state *ZoneTagState) {
	state.Attached = state.Attached || tag.Maker == maker
	state.Tag = tag
}

// giveZoneTag notes another creation as the maker of a tag.
func (c *Client) giveZoneTag(ctx context.Context, o ZoneObject, tag ZoneTag, heir ZoneTagMaker) error {
	err := c.rest.call(ctx, http.MethodPatch, tagPath+"/id:"+tag.ID, map[string]any{
		"update_spec": map[string]string{"description": heir.describe(o.Path)},
	}, nil)
	if notFound(err) {
		return nil
	}
	return err
}

// createZoneTag creates a tag, or finds the one with the value, whoever has made it. An
// account that may not create tags can use one that is there.
func (c *Client) createZoneTag(
	ctx context.Context, o ZoneObject, category categoryBody, value string, maker ZoneTagMaker,
) (ZoneTag, error) {
	op := fmt.Sprintf("create the tag %q of category %s", value, o.Category)
	var id string
	err := c.rest.call(ctx, http.MethodPost, tagPath, map[string]any{"create_spec": map[string]string{
		"name":        value,
		"description": maker.describe(o.Path),
		"category_id": category.ID,
	}}, &id)
	if err == nil {
		return ZoneTag{ID: id, Value: value, Maker: maker}, nil
	}
	failed := c.failed(op, err)
	exists := errors.Is(failed, model.ErrExists)
	if !exists && !errors.Is(failed, model.ErrPermission) {
		return ZoneTag{}, failed
	}
	tags, err := c.zoneTagsIn(ctx, category.ID)
	if err != nil {
		return ZoneTag{}, err
	}
	for _, tag := range tags {
		if tag.Value == value {
			return tag, nil
		}
	}
	if exists {
		return ZoneTag{}, &Error{
			Op: op, kind: kindPermission, cause: failed,
			Reason: fmt.Sprintf("it exists, and the account %q may not read it", c.config.Username),
			Advice: "grant System.Read as a global permission, or on the tag",
		}
	}
	return ZoneTag{}, failed
}

// zoneTagsIn reads the tags of a category that the account may list.
func (c *Client) zoneTagsIn(ctx context.Context, category string) ([]ZoneTag, error) {
	var urns []string
	if err := c.rest.read(ctx, http.MethodPost, tagPath+"/id:"+category+"?~action=list-tags-for-category", nil, &urns); err != nil {
		return nil, err
	}
	read := make([]tagBody, len(urns))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelCategories)
	for i, urn := range urns {
		group.Go(func() error {
			body, err := c.tag(ctx, urn)
			if notFound(err) {
				return nil // deleted since it was listed
			}
			read[i] = body
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var tags []ZoneTag
	for _, body := range read {
		if body.ID != "" {
			tags = append(tags, body.zoneTag())
		}
	}
	return tags, nil
}

// zoneTagsNow reads the tags of one object in its category.
func (c *Client) zoneTagsNow(ctx context.Context, o ZoneObject) ([]ZoneTag, error) {
	attached, err := c.attachedIDs(ctx, objectRefs(o))
	if err != nil {
		return nil, err
	}
	var tags []ZoneTag
	for _, urn := range attached[o.ref] {
		tag, category, err := c.tagIn(ctx, urn, 0)
		if err != nil && !notFound(err) {
			return nil, err
		}
		if err == nil && category == o.Category {
			tags = append(tags, tag.zoneTag())
		}
	}
	return tags, nil
}

// attach attaches a tag to an object, or detaches it.
func (c *Client) attach(ctx context.Context, o ZoneObject, tag, action string) error {
	return c.rest.call(ctx, http.MethodPost, objectsPath+"/id:"+tag+"?~action="+action, map[string]any{
		"object_id": attachedObject{ID: o.ref.Value, Type: o.ref.Type},
	}, nil)
}

// invalidArgument reports whether the tagging service refuses to put the tag on the object.
func invalidArgument(err error) bool {
	var e *restError
	return errors.As(err, &e) && e.Type == "invalid_argument"
}

// zoneTagFailed names the privileges, which the tagging service does not.
func (c *Client) zoneTagFailed(op string, err error) error {
	var taken *ZoneTakenError
	if errors.As(err, &taken) {
		return err
	}
	failed := c.failed(op, err)
	var e *Error
	if errors.As(failed, &e) && e.kind == kindPermission && e.Advice == "" {
		e.Advice = "gantry_zone_tag needs, as a global permission, vSphere Tagging > Create vSphere Tag, Edit vSphere Tag, " +
			"Delete vSphere Tag, Assign or Unassign vSphere Tag and, since vSphere 7.0, Assign or Unassign vSphere Tag on Object; " +
			"tag privileges on inventory objects do not count for tags"
	}
	return failed
}
