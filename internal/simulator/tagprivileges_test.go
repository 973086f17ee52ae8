package simulator_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
)

// A list of what has a tag leaves out what the account may not read, and says nothing of it;
// an object has a say in which tags it gets; what is left behind is seen.
func TestTagsOnWhatAnAccountMayNotTouch(t *testing.T) {
	t.Parallel()
	d := start(t, withTeam)
	own := d.tagManager()
	a, err := d.finder.ClusterComputeResource(d.ctx, "/dc-1/host/cluster-a")
	d.must(err)
	b, err := d.finder.ClusterComputeResource(d.ctx, "/dc-1/host/cluster-b")
	d.must(err)
	category, err := own.GetCategory(d.ctx, "k8s-zone")
	d.must(err)
	tag, err := own.CreateTag(d.ctx, &tags.Tag{Name: "shared", CategoryID: category.ID})
	d.must(err)
	zones, err := own.GetTagsForCategory(d.ctx, category.ID)
	d.must(err)
	for _, zone := range zones {
		if zone.ID != tag {
			d.must(own.DeleteTag(d.ctx, &zone))
		}
	}
	d.must(own.AttachTag(d.ctx, tag, a))
	d.must(own.AttachTag(d.ctx, tag, b))
	if left := d.Leftovers(); len(left.Tags) != 1 || left.Tags[0] != "k8s-zone/shared" || len(left.Attached) != 2 ||
		left.Attached[0] != "k8s-zone/shared on /dc-1/host/cluster-a" {
		t.Errorf("left are %+v", left)
	}

	d.must(d.DenyPrivilegeOn(team, "System.Read", "/dc-1/host/cluster-b"))
	d.must(d.DenyPrivilegeOn(team, "InventoryService.Tagging.ObjectAttachable", "/dc-1/host/cluster-a"))
	c := rest.NewClient(d.client.Client)
	d.must(c.Login(d.ctx, url.UserPassword(team, "secret")))
	theirs := tags.NewManager(c)
	on, err := theirs.ListAttachedObjects(d.ctx, tag)
	d.must(err)
	if len(on) != 1 || on[0].Reference() != a.Reference() {
		t.Errorf("it is on %v", on)
	}
	if err := theirs.DetachTag(d.ctx, tag, a); !rest.IsStatusError(err, http.StatusForbidden) {
		t.Errorf("detached: %v", err)
	}
	d.HideTag(tag)
	if _, err := theirs.ListAttachedObjects(d.ctx, tag); !rest.IsStatusError(err, http.StatusForbidden) {
		t.Errorf("what has a hidden tag: %v", err)
	}
}
