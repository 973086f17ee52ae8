package vsphere

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// attachedTags are the names of the tags of some objects, by object and category.
type attachedTags map[types.ManagedObjectReference]map[string][]string

// tagMaxAge is how long the name of an attached tag is remembered: there is no
// call for the names of several tags, and the clusters of one run have the same
// few.
const tagMaxAge = 30 * time.Second

// rememberedTag is a tag with the time at which it was read.
type rememberedTag struct {
	tagBody
	read time.Time
}

// attachedObject is an object as the tagging service refers to it.
type attachedObject struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// attachedTags reads the tags of some objects. It takes one call for what is
// attached, and one for each tag and each category that is not remembered.
func (c *Client) attachedTags(ctx context.Context, refs []types.ManagedObjectReference) (attachedTags, error) {
	var request struct {
		Objects []attachedObject `json:"object_ids"`
	}
	for _, ref := range refs {
		request.Objects = append(request.Objects, attachedObject{ID: ref.Value, Type: ref.Type})
	}
	var attached []struct {
		Object attachedObject `json:"object_id"`
		Tags   []string       `json:"tag_ids"`
	}
	path := objectsPath + "?~action=list-attached-tags-on-objects"
	if err := c.rest.read(ctx, http.MethodPost, path, request, &attached); err != nil {
		return nil, err
	}
	found := attachedTags{}
	for _, a := range attached {
		byCategory, err := c.tagsByCategory(ctx, a.Tags)
		if err != nil {
			return nil, err
		}
		found[types.ManagedObjectReference{Type: a.Object.Type, Value: a.Object.ID}] = byCategory
	}
	return found, nil
}

func (c *Client) tagsByCategory(ctx context.Context, urns []string) (map[string][]string, error) {
	byCategory := map[string][]string{}
	for _, urn := range urns {
		tag, err := c.rememberedTag(ctx, urn)
		if notFound(err) {
			continue // deleted since it was listed
		}
		if err != nil {
			return nil, err
		}
		category, err := c.categoryName(ctx, tag.CategoryID)
		if err != nil {
			return nil, err
		}
		byCategory[category] = append(byCategory[category], tag.Name)
	}
	for _, names := range byCategory {
		slices.Sort(names)
	}
	return byCategory, nil
}

func (c *Client) rememberedTag(ctx context.Context, urn string) (tagBody, error) {
	if stored, ok := c.site.tags.Load(urn); ok {
		if tag := stored.(rememberedTag); time.Since(tag.read) < tagMaxAge {
			return tag.tagBody, nil
		}
	}
	now := time.Now()
	tag, err := c.tag(ctx, urn)
	if err != nil {
		return tagBody{}, err
	}
	c.site.tags.Store(urn, rememberedTag{tagBody: tag, read: now})
	return tag, nil
}
