package connection

import (
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// zones are the zone tags as this run of the provider has planned them.
type zones struct {
	mu      sync.Mutex
	planned map[zonePlace]PlannedZone
	heirs   map[string]vsphere.ZoneTagMaker // by the id of the tag
}

// zonePlace is an object of a vCenter: each vCenter counts its references from the same start.
type zonePlace struct{ vcenter, object string }

// PlannedZone is what a resource plans the zone tag of an object to be.
type PlannedZone struct {
	VCenter string // instance UUID
	Object  string // reference
	Path    string
	// Category is that of the tag, and Value its name.
	Category, Value string
}

// PlanZone notes what a resource plans a zone tag to be. It returns the value that another
// one plans for the same object, if there is one, and the paths of the other objects of the
// vCenter that get the same value, sorted.
func (c *Connection) PlanZone(zone PlannedZone) (conflict string, same []string) {
	z := &c.process.zones
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.planned == nil {
		z.planned = map[zonePlace]PlannedZone{}
	}
	at := zonePlace{zone.VCenter, zone.Object}
	if other, planned := z.planned[at]; planned && other.Value != zone.Value {
		return other.Value, nil
	}
	z.planned[at] = zone
	for place, other := range z.planned {
		if place != at && place.vcenter == at.vcenter && other.Category == zone.Category && other.Value == zone.Value {
			same = append(same, other.Path)
		}
	}
	slices.Sort(same)
	return "", same
}

// PlannedZone is the value of the zone tag that this run is known to plan for an object of a
// vCenter, by its instance UUID and reference: Terraform plans what a cluster depends on
// before the cluster.
func (c *Connection) PlannedZone(vcenter, object string) (value string, planned bool) {
	z := &c.process.zones
	z.mu.Lock()
	defer z.mu.Unlock()
	zone, planned := z.planned[zonePlace{vcenter, object}]
	return zone.Value, planned
}

// InheritZone notes that a zone tag created in this run uses a tag of vCenter that was there.
func (c *Connection) InheritZone(tag string, heir vsphere.ZoneTagMaker) {
	z := &c.process.zones
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.heirs == nil {
		z.heirs = map[string]vsphere.ZoneTagMaker{}
	}
	z.heirs[tag] = heir
}

// ZoneHeirs are those of InheritZone that are of one object, by the id of the tag.
func (c *Connection) ZoneHeirs(object uuid.UUID) map[string]vsphere.ZoneTagMaker {
	z := &c.process.zones
	z.mu.Lock()
	defer z.mu.Unlock()
	heirs := map[string]vsphere.ZoneTagMaker{}
	for tag, heir := range z.heirs {
		if heir.ID == object {
			heirs[tag] = heir
		}
	}
	return heirs
}
