package vsphere

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/google/uuid"
)

// ZoneTag is a tag of the topology.
type ZoneTag struct {
	ID    string // the tagging service's
	Value string
	// Maker is what made the tag; its ID is uuid.Nil where that was not Gantry.
	Maker ZoneTagMaker
}

// ZoneTagMaker is the gantry_zone_tag that made a tag, as the tag's description says. The
// description is stored in the call that creates the tag, so that it is known even if the
// run was killed right after.
type ZoneTagMaker struct {
	ID          uuid.UUID
	Incarnation record.Incarnation
}

// makerPattern finds a maker in a description.
var makerPattern = regexp.MustCompile(`\(gantry_zone_tag ([0-9a-f-]{36}) ([A-Za-z0-9_-]{8})\)`)

// maxTagDescription is how many bytes the description of a tag may have.
const maxTagDescription = 255

// describe is the description of a tag that is made for an object.
func (m ZoneTagMaker) describe(object string) string {
	text := fmt.Sprintf("Made by Gantry (gantry_zone_tag %s %s) and deleted with it, unless something else has the tag. Made for %s",
		m.ID, m.Incarnation, object)
	if len(text) <= maxTagDescription {
		return text
	}
	text = text[:maxTagDescription]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}

// makerOf reads the description of a tag.
func makerOf(description string) ZoneTagMaker {
	found := makerPattern.FindStringSubmatch(description)
	if found == nil {
		return ZoneTagMaker{}
	}
	id, err := uuid.Parse(found[1])
	if err != nil {
		return ZoneTagMaker{}
	}
	return ZoneTagMaker{ID: id, Incarnation: record.Incarnation(found[2])}
}

// zoneTag is a tag of the tagging service as one of the topology.
func (b tagBody) zoneTag() ZoneTag {
	return ZoneTag{ID: b.ID, Value: b.Name, Maker: makerOf(b.Description)}
}

// ZoneTagsOn returns the tags that an object has in its category. Of those that the account
// may not list, it says nothing. What is attached to all objects is one call, which callers
// share by maxAge; one more is made for each tag and category that was not read before.
func (c *Client) ZoneTagsOn(ctx context.Context, o ZoneObject, maxAge time.Duration) ([]ZoneTag, error) {
	op := "read the tags of " + o.Path
	attached, err := c.allAttached(ctx, maxAge)
	if errors.Is(c.failed(op, err), model.ErrPermission) {
		// One that the account may not read makes vCenter refuse all of them.
		attached, err = c.attachedIDs(ctx, objectRefs(o))
	}
	if err != nil {
		return nil, c.zonesFailed(op, err)
	}
	var tags []ZoneTag
	for _, urn := range attached[o.ref] {
		tag, category, err := c.tagIn(ctx, urn, maxAge)
		switch {
		case notFound(err):
			continue // deleted since it was listed
		case err != nil:
			return nil, c.zonesFailed(op, err)
		case category == o.Category:
			tags = append(tags, tag.zoneTag())
		}
	}
	return tags, nil
}

// ZoneTagElsewhere returns the inventory paths of what else has a value in the category of
// an object, sorted; none where the account may not read all that may have it.
func (c *Client) ZoneTagElsewhere(ctx context.Context, o ZoneObject, value string, maxAge time.Duration) ([]string, error) {
	op := "read the tags of category " + o.Category
	attached, err := c.allAttached(ctx, maxAge)
	if errors.Is(c.failed(op, err), model.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, c.zonesFailed(op, err)
	}
	var paths []string
	for ref, urns := range attached {
		if ref == o.ref {
			continue
		}
		for _, urn := range urns {
			tag, category, err := c.tagIn(ctx, urn, tagMaxAge)
			if err != nil && !notFound(err) {
				return nil, c.zonesFailed(op, err)
			}
			if err == nil && category == o.Category && tag.Name == value {
				paths = append(paths, strings.Trim(c.path(ref), `"`))
			}
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// allAttached are the ids of the tags of all datacenters and compute clusters.
func (c *Client) allAttached(ctx context.Context, maxAge time.Duration) (attachedIDs, error) {
	inv, err := c.bareTree(ctx, max(maxAge, whereMaxAge))
	if err != nil {
		return nil, err
	}
	return c.reads.attached.Get(ctx, maxAge, func(ctx context.Context) (attachedIDs, error) {
		return c.attachedIDs(ctx, inv.tagged())
	})
}

// tagIn reads a tag and the name of its category; with a maxAge of 0, the tag is read now.
func (c *Client) tagIn(ctx context.Context, urn string, maxAge time.Duration) (tagBody, string, error) {
	read := c.sharedTag
	if maxAge == 0 {
		read = c.tag
	}
	tag, err := read(ctx, urn)
	if err != nil {
		return tag, "", err
	}
	category, err := c.category(ctx, tag.CategoryID)
	return tag, category.Name, err
}

// ZoneTag reads a tag by its id. The error is model.ErrGone where there is none, and
// model.ErrPermission where the account may not read it.
func (c *Client) ZoneTag(ctx context.Context, id string) (ZoneTag, error) {
	tag, err := c.tag(ctx, id)
	return tag.zoneTag(), c.failed("read the tag "+id, err)
}
