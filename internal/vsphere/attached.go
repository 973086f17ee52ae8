package vsphere

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/sharedread"
)

// attachedTags are the names of the tags of some objects, by object and category.
type attachedTags map[types.ManagedObjectReference]map[string][]string

// tagMaxAge is how old the name of an attached tag may be: there is no call for
// the names of several tags, and the clusters of one run have the same few.
const tagMaxAge = 30 * time.Second

// attachedObject is an object as the tagging service refers to it.
type attachedObject struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// attachedTags reads the tags of some objects. It takes one call for what is
// attached, and one for each tag and each category that no caller read before.
func (c *Client) attachedTags(ctx context.Context, refs []types.ManagedObjectReference) (attachedTags, error) {
	attached, err := c.attachedIDs(ctx, refs)
	if err != nil {
		return nil, err
	}
	return c.namedTags(ctx, attached)
}

// recentlyAttachedTags is attachedTags with what is attached from a read that is at most
// maxAge old, which all who ask for the same objects share.
func (c *Client) recentlyAttachedTags(
	ctx context.Context, refs []types.ManagedObjectReference, maxAge time.Duration,
) (attachedTags, error) {
	var key strings.Builder
	for _, ref := range refs {
		key.WriteString(ref.String() + "\n")
	}
	stored, _ := c.reads.placed.LoadOrStore(key.String(), &sharedread.Read[attachedIDs]{})
	attached, err := stored.(*sharedread.Read[attachedIDs]).Get(ctx, maxAge, func(ctx context.Context) (attachedIDs, error) {
		return c.attachedIDs(ctx, refs)
	})
	if err != nil {
		return nil, err
	}
	return c.namedTags(ctx, attached)
}

// attachedIDs are the ids of the tags of some objects, by object.
type attachedIDs map[types.ManagedObjectReference][]string

// attachedIDs reads them in one call.
func (c *Client) attachedIDs(ctx context.Context, refs []types.ManagedObjectReference) (attachedIDs, error) {
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
	found := attachedIDs{}
	for _, a := range attached {
		found[types.ManagedObjectReference{Type: a.Object.Type, Value: a.Object.ID}] = a.Tags
	}
	return found, nil
}

// namedTags reads the names of tags.
func (c *Client) namedTags(ctx context.Context, attached attachedIDs) (attachedTags, error) {
	found := attachedTags{}
	for ref, ids := range attached {
		byCategory, err := c.tagsByCategory(ctx, ids)
		if err != nil {
			return nil, err
		}
		found[ref] = byCategory
	}
	return found, nil
}

func (c *Client) tagsByCategory(ctx context.Context, urns []string) (map[string][]string, error) {
	byCategory := map[string][]string{}
	for _, urn := range urns {
		tag, err := c.sharedTag(ctx, urn)
		if notFound(err) {
			continue // deleted since it was listed
		}
		if err != nil {
			return nil, err
		}
		category, err := c.category(ctx, tag.CategoryID)
		if err != nil {
			return nil, err
		}
		byCategory[category.Name] = append(byCategory[category.Name], tag.Name)
	}
	for _, names := range byCategory {
		slices.Sort(names)
	}
	return byCategory, nil
}

// sharedTag reads a tag once for all who ask for it.
func (c *Client) sharedTag(ctx context.Context, urn string) (tagBody, error) {
	stored, _ := c.reads.tags.LoadOrStore(urn, &sharedread.Read[tagBody]{})
	return stored.(*sharedread.Read[tagBody]).Get(ctx, tagMaxAge, func(ctx context.Context) (tagBody, error) {
		return c.tag(ctx, urn)
	})
}
