package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// zoneValue is what a node label may hold.
var zoneValue = regexp.MustCompile(`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`)

// maxZoneValue is the length that a node label may have.
const maxZoneValue = 63

// ZoneTags are the topology tags of a datacenter. Compute clusters are named by
// their inventory paths where two share a name.
type ZoneTags struct {
	Region   string
	Zones    map[string]string // by compute cluster
	Untagged []string          // compute clusters without a zone
	// Duplicates are the compute clusters that share a zone, by zone.
	Duplicates map[string][]string
	Invalid    []InvalidZone
}

// InvalidZone is a tag that cannot be a topology label.
type InvalidZone struct {
	Object   string // inventory path
	Category string
	Value    string
	Reason   string
}

// ZoneTags reads the topology tags of a datacenter and its compute clusters.
func (c *Client) ZoneTags(ctx context.Context, datacenter string) (ZoneTags, error) {
	op := fmt.Sprintf("read the zone tags of datacenter %q", datacenter)
	zones := ZoneTags{Zones: map[string]string{}, Duplicates: map[string][]string{}}
	inv, err := c.bareTree(ctx, 0)
	if err != nil {
		return zones, c.failed(op, err)
	}
	dc, err := inv.datacenterIn(datacenter)
	if err != nil {
		return zones, c.failed(op, err)
	}
	clusters := inv.below(dc.ref, clusterTypes...)
	refs := []types.ManagedObjectReference{dc.ref}
	for _, n := range clusters {
		refs = append(refs, n.ref)
	}
	tags, err := c.attachedTags(ctx, refs)
	if err != nil {
		return zones, c.failed(op, err)
	}
	zones.Region = zones.validTag(dc.path, model.RegionCategory, tags[dc.ref][model.RegionCategory])
	zones.addClusters(clusters, tags)
	return zones, nil
}

func (z *ZoneTags) addClusters(clusters []*node, tags attachedTags) {
	count := map[string]int{}
	for _, n := range clusters {
		count[n.name]++
	}
	byZone := map[string][]string{}
	for _, n := range clusters {
		name := n.name
		if count[name] > 1 {
			name = n.path
		}
		values := tags[n.ref][model.ZoneCategory]
		if len(values) == 0 {
			z.Untagged = append(z.Untagged, name)
			continue
		}
		if zone := z.validTag(n.path, model.ZoneCategory, values); zone != "" {
			z.Zones[name] = zone
			byZone[zone] = append(byZone[zone], name)
		}
	}
	for zone, names := range byZone {
		if len(names) > 1 {
			z.Duplicates[zone] = names
		}
	}
}

// validTag returns the one valid value of an object's tags, and records the
// others as invalid.
func (z *ZoneTags) validTag(object, category string, values []string) string {
	valid := ""
	for _, v := range values {
		reason := InvalidZoneValue(v)
		if reason == "" && len(values) > 1 {
			reason = fmt.Sprintf("the object has %d tags of category %s", len(values), category)
		}
		if reason != "" {
			z.Invalid = append(z.Invalid, InvalidZone{Object: object, Category: category, Value: v, Reason: reason})
			continue
		}
		valid = v
	}
	return valid
}

// InvalidZoneValue says why a value cannot be a node label; empty where it can.
func InvalidZoneValue(v string) string {
	switch {
	case len(v) > maxZoneValue:
		return fmt.Sprintf("it is longer than %d characters", maxZoneValue)
	case v == "" || !zoneValue.MatchString(v):
		return "it must consist of letters, digits, - _ and . and begin and end with a letter or digit"
	}
	return ""
}

// Zones implements model.VCenter. A tag that cannot become a node label is left out, and
// said: kubelet would refuse it, on the node, long after the plan.
func (c *Client) Zones(
	ctx context.Context, datacenter string, computeClusters []string, maxAge time.Duration,
) (model.ZoneTags, error) {
	const op = "read the zone tags"
	found := model.ZoneTags{Zones: map[string]model.ZoneTag{}}
	refs, err := parseRefs(append([]string{datacenter}, computeClusters...))
	if err != nil {
		return found, c.failed(op, err)
	}
	tags, err := c.recentlyAttachedTags(ctx, refs, maxAge)
	if err != nil {
		return found, c.zonesFailed(op, err)
	}
	found.Region = c.zoneTag(tags, refs[0], model.RegionCategory)
	for _, ref := range refs[1:] {
		found.Zones[ref.String()] = c.zoneTag(tags, ref, model.ZoneCategory)
	}
	for _, byCategory := range tags {
		found.Listed = found.Listed || len(byCategory) > 0
	}
	if !found.Listed {
		found.Listed, err = c.listsTags(ctx)
	}
	return found, c.zonesFailed(op, err)
}

// zoneTag is zoneLabel with its error in words.
func (c *Client) zoneTag(tags attachedTags, ref types.ManagedObjectReference, category string) model.ZoneTag {
	value, err := c.zoneLabel(tags, ref, category)
	if err != nil {
		return model.ZoneTag{Problem: err.Error()}
	}
	return model.ZoneTag{Value: value}
}

// listsTags reports whether the account is known to see tags. The mark of the ledger's
// category is a tag that is there wherever Gantry has written anything; before that, any tag
// will do. Where there is none at all, nothing is known.
func (c *Client) listsTags(ctx context.Context) (bool, error) {
	_, err := c.tag(ctx, tagURN(rootTag))
	if err == nil {
		return true, nil
	}
	if !notFound(err) {
		if errors.Is(c.failed("", err), model.ErrPermission) {
			return false, nil
		}
		return false, err
	}
	var urns []string
	err = c.rest.read(ctx, http.MethodGet, tagPath, nil, &urns)
	return len(urns) > 0, err
}

// zonesFailed names the privilege, which the tagging service does not.
func (c *Client) zonesFailed(op string, err error) error {
	failed := c.failed(op, err)
	var e *Error
	if errors.As(failed, &e) && e.kind == kindPermission {
		e.Advice = "System.Read is needed on the datacenter and its compute clusters, and for tags as a global permission"
	}
	return failed
}

// zoneLabel returns the one tag of a category on an object, which must be valid
// as a node label; an object without one has an empty label.
func (c *Client) zoneLabel(tags attachedTags, ref types.ManagedObjectReference, category string) (string, error) {
	values := tags[ref][category]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", &Error{
			Reason: fmt.Sprintf("%s has %d tags of category %s: %s", c.path(ref), len(values), category, bounded(quoted(values))),
			Advice: "remove all but one",
		}
	}
	if reason := InvalidZoneValue(values[0]); reason != "" {
		return "", &Error{
			Reason: fmt.Sprintf("the %s tag %q on %s cannot be a node label: %s", category, values[0], c.path(ref), reason),
			Advice: "rename the tag",
		}
	}
	return values[0], nil
}
