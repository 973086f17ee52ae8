package vsphere

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// ZoneObject is a datacenter or a compute cluster, which a zone tag is put on.
type ZoneObject struct {
	// ID is derived from vCenter and the reference: it stays when the object is renamed, and
	// no other object of a linked vCenter has it.
	ID       uuid.UUID
	Ref      string
	Path     string
	Category string // of its zone tag
	ref      types.ManagedObjectReference
}

// zoneNamespace is what the ids of objects are derived in.
var zoneNamespace = uuid.MustParse("0b6d2c52-6a1c-5c63-9d57-5f0c9a8f3f11")

// ZoneObjectError says that the name of a datacenter or compute cluster does not say which
// one is meant.
type ZoneObjectError struct {
	Summary, Detail string
	// ComputeCluster is set where it is not the datacenter's name.
	ComputeCluster bool
}

func (e *ZoneObjectError) Error() string { return e.Detail }

// ZoneObject finds the datacenter with a name, or the compute cluster in it; maxAge is as in
// model.SurveyRequest.
func (c *Client) ZoneObject(ctx context.Context, datacenter, computeCluster string, maxAge time.Duration) (ZoneObject, error) {
	inv, err := c.bareTree(ctx, maxAge)
	if err != nil {
		return ZoneObject{}, err
	}
	dc, finding := choice{
		kind: "datacenter", wanted: datacenter, where: "vCenter " + inv.server, from: inv.byType["Datacenter"], user: inv.user,
	}.pick()
	if finding != nil {
		return ZoneObject{}, &ZoneObjectError{Summary: finding.Summary, Detail: finding.Detail}
	}
	if computeCluster == "" {
		return c.zoneObject(dc), nil
	}
	cluster, finding := choice{
		kind: "compute cluster", wanted: computeCluster, where: fmt.Sprintf("datacenter %q", dc.name),
		from: inv.below(dc.ref, clusterTypes...), user: inv.user,
	}.pick()
	switch {
	case finding != nil:
		return ZoneObject{}, &ZoneObjectError{Summary: finding.Summary, Detail: finding.Detail, ComputeCluster: true}
	case cluster.ref.Type != "ClusterComputeResource":
		return ZoneObject{}, &ZoneObjectError{
			ComputeCluster: true,
			Summary:        fmt.Sprintf("%q is not a compute cluster", computeCluster),
			Detail: fmt.Sprintf("%q is a host outside of any compute cluster, which can have no tag of category %s. "+
				"Choose a compute cluster.", cluster.path, model.ZoneCategory),
		}
	}
	return c.zoneObject(cluster), nil
}

func (c *Client) zoneObject(n *node) ZoneObject {
	o := ZoneObject{Ref: n.ref.String(), Path: n.path, Category: model.ZoneCategory, ref: n.ref}
	if n.ref.Type == "Datacenter" {
		o.Category = model.RegionCategory
	}
	parts := []string{c.soap.content.About.InstanceUuid, o.Category, o.Ref}
	o.ID = uuid.NewSHA1(zoneNamespace, []byte(strings.Join(parts, "\x00")))
	return o
}

// ZoneObjectByID finds the object with an id, whatever it is called by now; false where none
// is seen that has it.
func (c *Client) ZoneObjectByID(ctx context.Context, id uuid.UUID, maxAge time.Duration) (ZoneObject, bool, error) {
	inv, err := c.bareTree(ctx, maxAge)
	if err != nil {
		return ZoneObject{}, false, err
	}
	for _, n := range inv.all(nil, "Datacenter", "ClusterComputeResource") {
		if o := c.zoneObject(n); o.ID == id {
			return o, true, nil
		}
	}
	return ZoneObject{}, false, nil
}

// Gone reports whether vCenter knows an object no more. One that merely cannot be read is
// not gone.
func (c *Client) Gone(ctx context.Context, ref string) (bool, error) {
	parsed, err := parseRef("", ref)
	if err != nil {
		return false, err
	}
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{parsed}, map[string][]string{parsed.Type: {"name"}}))
	if err != nil {
		return false, c.failed("look for "+c.path(parsed), err)
	}
	return len(found) == 0 || found[0].vanished(), nil
}

// ZoneObjectOf is the object with a reference that was known before. Its path is empty.
func (c *Client) ZoneObjectOf(ref string) (ZoneObject, error) {
	parsed, err := parseRef("", ref)
	if err != nil {
		return ZoneObject{}, err
	}
	return c.zoneObject(&node{properties: properties{ref: parsed}}), nil
}
