package connection

import (
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// zones are the zone tags as this run of the provider has planned them, by the reference of
// the object.
type zones struct {
	mu      sync.Mutex
	planned map[string]PlannedZone
	heirs   map[string]vsphere.ZoneTagMaker // by the id of the tag
}

// PlannedZone is what a resource plans the zone tag of an object to be.
type PlannedZone struct {
	Object string // reference
	Path   string
	// Category is that of the tag, and Value its name.
	Category, Value string
}

// PlanZone notes what a resource plans a zone tag to be. It returns the value that another
// one plans for the same object, if there is one, and the paths of the other objects that
// get the same value, sorted.
func (c *Connection) PlanZone(zone PlannedZone) (conflict string, same []string) {
	z := &c.process.zones
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.planned == nil {
		z.planned = map[string]PlannedZone{}
	}
	if other, planned := z.planned[zone.Object]; planned && other.Value != zone.Value {
		return other.Value, nil
	}
	z.planned[zone.Object] = zone
	for object, other := range z.planned {
		if object != zone.Object && other.Category == zone.Category && other.Value == zone.Value {
			same = append(same, other.Path)
		}
	}
	slices.Sort(same)
	return "", same
}

// PlannedZone is the value of the zone tag that this run is known to plan for an object, by
// its reference: Terraform plans what a cluster depends on before the cluster.
func (c *Connection) PlannedZone(object string) (value string, planned bool) {
	z := &c.process.zones
	z.mu.Lock()
	defer z.mu.Unlock()
	zone, planned := z.planned[object]
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
