package model

// Zone is the topology of one placement; either part may be empty.
type Zone struct{ Region, Zone string }

// The tag categories of the topology, by the names that the vSphere cloud provider and the CSI driver
// use.
const (
	RegionCategory = "k8s-region"
	ZoneCategory   = "k8s-zone"
)

// ZoneTags are the topology tags of where nodes are placed.
type ZoneTags struct {
	Region ZoneTag
	Zones  map[string]ZoneTag // by compute cluster reference
	// Listed is set where the account is known to see tags: vCenter leaves those out that it
	// may not list, and only then is one missing that is not there.
	Listed bool
}

// ZoneTag is the tag of one object.
type ZoneTag struct {
	Value string // empty: the object has none that can be a node label
	// Problem says why what the object has cannot be a node label, and what to do; empty:
	// nothing is wrong.
	Problem string
}

// Missing reports whether the object has no tag at all.
func (t ZoneTag) Missing() bool { return t.Value == "" && t.Problem == "" }

// Of is the topology of a compute cluster, as far as its tags can be node labels.
func (t ZoneTags) Of(computeCluster string) Zone {
	return Zone{Region: t.Region.Value, Zone: t.Zones[computeCluster].Value}
}
