package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// NeedsZones reports whether a plan builds nodes, or has a CSI driver register nodes by their zone
// tags from then on.
func NeedsZones(p *model.Plan) bool {
	return slices.ContainsFunc(p.Steps(), func(step model.Step) bool {
		switch s := step.(type) {
		case model.CreateNode:
			return true
		case model.WriteCredentials:
			return byZones(s.Pack)
		}
		return false
	})
}

// zonePlace is a compute cluster of a spec's placements, with the first of them.
type zonePlace struct {
	name  string // as the spec has it
	ref   string
	field model.Field
}

// zonePlaces are the compute clusters of all placements of a spec, in its order, those that
// were found.
func zonePlaces(spec *model.ClusterSpec, site model.Site) []zonePlace {
	var places []zonePlace
	for _, pool := range spec.NodePools() {
		for i, place := range pool.Placements {
			at := model.PlacementRef{NodePool: pool.Name, Index: i}
			ref := site.Placements[at].ComputeCluster
			known := slices.ContainsFunc(places, func(p zonePlace) bool { return p.ref == ref })
			if ref != "" && !known {
				places = append(places, zonePlace{place.ComputeCluster, ref, at.Field(model.FieldComputeCluster)})
			}
		}
	}
	return places
}

// ZoneProblems are warnings of zone tags that cannot be node labels: nodes are built without
// the label.
func ZoneProblems(spec *model.ClusterSpec, site model.Site, zones model.ZoneTags) model.Findings {
	var f model.Findings
	warn := func(field model.Field, tag model.ZoneTag) {
		if tag.Problem != "" {
			f.Warn(field, "A zone tag is no node label", "%s. Nodes there are built without the label.", capitalized(tag.Problem))
		}
	}
	warn(model.ClusterField(model.FieldDatacenter), zones.Region)
	for _, place := range zonePlaces(spec, site) {
		warn(place.field, zones.Zones[place.ref])
	}
	return f
}

// zones warn of the zone tags of where nodes are placed, and refuse a CSI driver where some are
// missing. None at all are no mistake where all nodes are on one compute cluster, unless the driver
// is to know where nodes are by them.
func (c check) zones() model.Findings {
	var f model.Findings
	if c.limits.Zones == nil || !NeedsZones(c.plan) {
		return f
	}
	zones := *c.limits.Zones
	f.Add(ZoneProblems(c.spec, c.limits.Site, zones))
	places := zonePlaces(c.spec, c.limits.Site)
	f.Add(sharedZones(places, zones))
	if !zones.Listed {
		return f // one that may not be listed is not missing
	}
	var missing []string
	var fields []model.Field
	tagged := !zones.Region.Missing()
	for _, place := range places {
		if !zones.Zones[place.ref].Missing() {
			tagged = true
			continue
		}
		missing = append(missing, place.name)
		fields = append(fields, place.field)
	}
	datacenter := zones.Region.Missing()
	alone := len(places) < 2 && !tagged && !c.registersByZones()
	if alone || !datacenter && len(missing) == 0 {
		return f
	}
	lacks := ""
	if len(missing) > 0 {
		lacks = "no tag of category k8s-zone is on " + quoted(missing)
	}
	if datacenter {
		fields = append([]model.Field{model.ClusterField(model.FieldDatacenter)}, fields...)
		if lacks != "" {
			lacks += ", and "
		}
		lacks += "none of category k8s-region is on the datacenter"
	}
	finding := model.NewFinding(fields[0], "Zone tags are missing",
		"%s: the nodes there get no label topology.kubernetes.io/zone or region, and pods and volumes are not spread over zones%s. "+
			"Put them there, with gantry_zone_tag or in the vSphere Client, before the nodes are built; "+
			"where a gantry_zone_tag of this configuration does, let the cluster depend on it (depends_on).", capitalized(lacks), c.csi())
	finding.Fields = fields
	if c.csi() == "" {
		f.Warnings = append(f.Warnings, finding)
	} else {
		f.Problems = append(f.Problems, finding)
	}
	return f
}

// csi says what zones are to a CSI driver that this configuration installs; empty: to none.
func (c check) csi() string {
	for _, pack := range c.spec.Packs {
		switch {
		case pack.Credentials == nil || pack.Credentials.Format != model.FormatCSI:
		case byZones(pack):
			return fmt.Sprintf(", and the CSI driver of the pack %q does not register them, as its topology_categories ask for the tags", pack.Name)
		default:
			return fmt.Sprintf(", and the CSI driver of the pack %q may put a volume where the nodes of its pod do not reach it", pack.Name)
		}
	}
	return ""
}

// registersByZones reports whether a CSI driver registers nodes by their zone tags.
func (c check) registersByZones() bool { return slices.ContainsFunc(c.spec.Packs, byZones) }

func byZones(pack model.Pack) bool {
	if pack.Credentials == nil {
		return false
	}
	return slices.ContainsFunc(strings.Split(pack.Credentials.Topology, ","), func(category string) bool {
		return category == model.RegionCategory || category == model.ZoneCategory
	})
}

// sharedZones warn of compute clusters that have one zone.
func sharedZones(places []zonePlace, zones model.ZoneTags) model.Findings {
	var f model.Findings
	for i, place := range places {
		value := zones.Zones[place.ref].Value
		if value == "" {
			continue
		}
		for _, other := range places[:i] {
			if zones.Zones[other.ref].Value == value {
				f.Warn(place.field, "Compute clusters share a zone",
					"%q and %q have the same tag %q of category k8s-zone: what is spread over zones may end up on one of them.",
					other.name, place.name, value)
				break
			}
		}
	}
	return f
}
