package vsphere

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// The tag categories of the topology, as the vSphere cloud provider and the CSI
// driver call them.
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

// InvalidZone is a tag that can't be a topology label.
type InvalidZone struct {
	Object   string // inventory path
	Category string
	Value    string
	Reason   string
}

// ZoneTags reads the topology tags of a datacenter and its compute clusters.
func (c *Client) ZoneTags(ctx context.Context, datacenter string) (ZoneTags, error) {
	op := fmt.Sprintf("read the zone tags of datacenter %q", datacenter)
	out := ZoneTags{Zones: map[string]string{}, Duplicates: map[string][]string{}}
	inv, err := c.readInventory(ctx, false)
	if err != nil {
		return out, c.failed(op, err)
	}
	dc, err := inv.datacenterIn(datacenter)
	if err != nil {
		return out, c.failed(op, err)
	}
	clusters := inv.below(dc.ref, clusterTypes...)
	refs := []types.ManagedObjectReference{dc.ref}
	count := map[string]int{}
	for _, n := range clusters {
		refs = append(refs, n.ref)
		count[n.name]++
	}
	tags, err := c.topologyTags(ctx, refs)
	if err != nil {
		return out, c.failed(op, err)
	}
	out.Region = out.take(dc.path(), RegionCategory, tags[dc.ref][RegionCategory])
	byZone := map[string][]string{}
	for _, n := range clusters {
		name := n.name
		if count[name] > 1 {
			name = n.path()
		}
		values := tags[n.ref][ZoneCategory]
		if len(values) == 0 {
			out.Untagged = append(out.Untagged, name)
			continue
		}
		if zone := out.take(n.path(), ZoneCategory, values); zone != "" {
			out.Zones[name] = zone
			byZone[zone] = append(byZone[zone], name)
		}
	}
	for zone, names := range byZone {
		if len(names) > 1 {
			out.Duplicates[zone] = names
		}
	}
	return out, nil
}

// take picks the one valid value of an object's tags, and notes the others.
func (z *ZoneTags) take(object, category string, values []string) string {
	taken := ""
	for _, v := range values {
		reason := invalidZone(v)
		if reason == "" && len(values) > 1 {
			reason = fmt.Sprintf("the object has %d tags of category %s", len(values), category)
		}
		if reason != "" {
			z.Invalid = append(z.Invalid, InvalidZone{Object: object, Category: category, Value: v, Reason: reason})
			continue
		}
		taken = v
	}
	return taken
}

func invalidZone(v string) string {
	switch {
	case len(v) > maxZoneValue:
		return fmt.Sprintf("it is longer than %d characters", maxZoneValue)
	case v == "" || !zoneValue.MatchString(v):
		return "it must consist of letters, digits, - _ and . and begin and end with a letter or digit"
	}
	return ""
}

// Zones implements engine.VCenter. A tag that can't become a node label is an
// error: kubelet would refuse it, on the node, long after the plan.
func (c *Client) Zones(ctx context.Context, datacenter string, computeClusters []string) (map[string]engine.Zone, error) {
	const op = "read the zone tags"
	refs, err := parseRefs(append([]string{datacenter}, computeClusters...))
	if err != nil {
		return nil, c.failed(op, err)
	}
	tags, err := c.topologyTags(ctx, refs)
	if err != nil {
		return nil, c.failed(op, err)
	}
	one := func(ref types.ManagedObjectReference, category string) (string, error) {
		values := tags[ref][category]
		if len(values) > 1 {
			return "", &Error{Op: op, Reason: fmt.Sprintf("%s has %d tags of category %s: %q", c.path(ref), len(values), category, values), Advice: "leave one"}
		}
		if len(values) == 0 {
			return "", nil
		}
		if reason := invalidZone(values[0]); reason != "" {
			return "", &Error{Op: op, Reason: fmt.Sprintf("the %s tag %q on %s can't be a node label: %s", category, values[0], c.path(ref), reason), Advice: "rename the tag"}
		}
		return values[0], nil
	}
	region, err := one(refs[0], RegionCategory)
	if err != nil {
		return nil, err
	}
	zones := map[string]engine.Zone{}
	for _, ref := range refs[1:] {
		zone, err := one(ref, ZoneCategory)
		if err != nil {
			return nil, err
		}
		zones[ref.String()] = engine.Zone{Region: region, Zone: zone}
	}
	return zones, nil
}

// topologyTags reads the tags of some objects, by category. It takes one call
// for what is attached, one for each distinct tag and, once in a process, one
// for each distinct category.
func (c *Client) topologyTags(ctx context.Context, refs []types.ManagedObjectReference) (map[types.ManagedObjectReference]map[string][]string, error) {
	type object struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	var in struct {
		Objects []object `json:"object_ids"`
	}
	for _, ref := range refs {
		in.Objects = append(in.Objects, object{ref.Value, ref.Type})
	}
	var attached []struct {
		Object object   `json:"object_id"`
		Tags   []string `json:"tag_ids"`
	}
	if err := c.rest.read(ctx, http.MethodPost, objectsPath+"?~action=list-attached-tags-on-objects", in, &attached); err != nil {
		return nil, err
	}
	read := map[string]*tagBody{}
	found := map[types.ManagedObjectReference]map[string][]string{}
	for _, a := range attached {
		byCategory := map[string][]string{}
		for _, urn := range a.Tags {
			if read[urn] == nil {
				tag, err := c.tag(ctx, urn)
				if notFound(err) {
					continue // deleted since it was listed
				}
				if err != nil {
					return nil, err
				}
				read[urn] = &tag
			}
			category, err := c.categoryName(ctx, read[urn].CategoryID)
			if err != nil {
				return nil, err
			}
			byCategory[category] = append(byCategory[category], read[urn].Name)
		}
		for _, names := range byCategory {
			slices.Sort(names)
		}
		found[types.ManagedObjectReference{Type: a.Object.Type, Value: a.Object.ID}] = byCategory
	}
	return found, nil
}
