package vsphere

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// The tag categories of the topology, by the names that the vSphere cloud
// provider and the CSI driver use.
const (
	RegionCategory = "k8s-region"
	ZoneCategory   = "k8s-zone"
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
	zones.Region = zones.validTag(dc.path, RegionCategory, tags[dc.ref][RegionCategory])
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
		values := tags[n.ref][ZoneCategory]
		if len(values) == 0 {
			z.Untagged = append(z.Untagged, name)
			continue
		}
		if zone := z.validTag(n.path, ZoneCategory, values); zone != "" {
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

// Zones implements model.VCenter. A tag that cannot become a node label is an
// error: kubelet would refuse it, on the node, long after the plan.
func (c *Client) Zones(ctx context.Context, datacenter string, computeClusters []string) (map[string]model.Zone, error) {
	const op = "read the zone tags"
	refs, err := parseRefs(append([]string{datacenter}, computeClusters...))
	if err != nil {
		return nil, c.failed(op, err)
	}
	tags, err := c.attachedTags(ctx, refs)
	if err != nil {
		return nil, c.zonesFailed(op, err)
	}
	region, err := c.zoneLabel(tags, refs[0], RegionCategory)
	if err != nil {
		return nil, c.failed(op, err)
	}
	zones := map[string]model.Zone{}
	for _, ref := range refs[1:] {
		zone, err := c.zoneLabel(tags, ref, ZoneCategory)
		if err != nil {
			return nil, c.failed(op, err)
		}
		zones[ref.String()] = model.Zone{Region: region, Zone: zone}
	}
	return zones, nil
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
