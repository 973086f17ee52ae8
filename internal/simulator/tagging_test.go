package simulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func withLedger(o *simulator.Options) { o.Inventory.LedgerCategory = true }

func newTagID() string { return "urn:vmomi:InventoryServiceTag:" + uuid.NewString() + ":GLOBAL" }

func mentions(err error, what string) bool { return err != nil && strings.Contains(err.Error(), what) }

func TestTagIsCreatedOnlyIfAbsent(t *testing.T) {
	t.Parallel()
	d := start(t, withLedger)
	m := d.tagManager()
	category, err := m.GetCategory(d.ctx, simulator.LedgerCategoryName)
	d.must(err)

	id := newTagID()
	got, err := m.CreateTag(d.ctx, &tags.Tag{TagID: id, Name: "pool/10.0.0.1", Description: "owner", CategoryID: category.ID})
	d.must(err)
	if got != id {
		t.Errorf("created %s, asked for %s", got, id)
	}
	for what, tag := range map[string]tags.Tag{
		"id":   {TagID: id, Name: "another", CategoryID: category.ID},
		"name": {TagID: newTagID(), Name: "pool/10.0.0.1", CategoryID: category.ID},
	} {
		if _, err := m.CreateTag(d.ctx, &tag); !mentions(err, "already_exists") {
			t.Errorf("duplicate %s: %v", what, err)
		}
	}
	tag, err := m.GetTag(d.ctx, id)
	d.must(err)
	if tag.Description != "owner" || tag.Name != "pool/10.0.0.1" || tag.CategoryID != category.ID {
		t.Errorf("tag %+v", tag)
	}
	tag.Description = "new owner"
	d.must(m.UpdateTag(d.ctx, tag))
	if tag, err := m.GetTag(d.ctx, id); err != nil || tag.Description != "new owner" {
		t.Errorf("updated tag %+v, %v", tag, err)
	}
	if left := d.Leftovers(); len(left.Tags) != 1 || left.Tags[0] != "pool/10.0.0.1" {
		t.Errorf("leftovers %+v", left)
	}
	d.must(m.DeleteTag(d.ctx, tag))
	if _, err := m.GetTag(d.ctx, id); !rest.IsStatusError(err, http.StatusNotFound) {
		t.Errorf("get of a deleted tag: %v", err)
	}
	if err := m.DeleteTag(d.ctx, tag); !rest.IsStatusError(err, http.StatusNotFound) {
		t.Errorf("delete of a deleted tag: %v", err)
	}
}

func TestOneOfManyCreatesTheTag(t *testing.T) {
	t.Parallel()
	d := start(t, withLedger)
	m := d.tagManager()
	category, err := m.GetCategory(d.ctx, simulator.LedgerCategoryName)
	d.must(err)
	var created atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := m.CreateTag(d.ctx, &tags.Tag{Name: "same", TagID: newTagID(), Description: fmt.Sprint(i), CategoryID: category.ID})
			if err == nil {
				created.Add(1)
			} else if !mentions(err, "already_exists") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if created.Load() != 1 {
		t.Errorf("%d creates succeeded", created.Load())
	}
}

func TestTagIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t, withLedger)
	m := d.tagManager()
	category, err := m.GetCategory(d.ctx, simulator.LedgerCategoryName)
	d.must(err)
	for what, tag := range map[string]tags.Tag{
		"long description": {Name: "a", Description: strings.Repeat("x", 256), CategoryID: category.ID},
		"long name":        {Name: strings.Repeat("x", 257), CategoryID: category.ID},
		"no name":          {CategoryID: category.ID},
		"bad id":           {Name: "a", TagID: "urn:vmomi:InventoryServiceTag:not-a-uuid:GLOBAL", CategoryID: category.ID},
		"id of a category": {Name: "a", TagID: category.ID, CategoryID: category.ID},
	} {
		if _, err := m.CreateTag(d.ctx, &tag); !mentions(err, "invalid_argument") {
			t.Errorf("%s: %v", what, err)
		}
	}
	unknown := strings.Replace(newTagID(), "ServiceTag", "ServiceCategory", 1)
	if _, err := m.CreateTag(d.ctx, &tags.Tag{Name: "a", CategoryID: unknown}); !rest.IsStatusError(err, http.StatusNotFound) {
		t.Errorf("unknown category: %v", err)
	}
	if _, err := m.CreateTag(d.ctx, &tags.Tag{Name: "a", Description: strings.Repeat("x", 255), CategoryID: category.ID}); err != nil {
		t.Errorf("a description of 255 bytes: %v", err)
	}
}

func TestUnreadableTagIsTaken(t *testing.T) {
	t.Parallel()
	d := start(t, withLedger)
	m := d.tagManager()
	category, err := m.GetCategory(d.ctx, simulator.LedgerCategoryName)
	d.must(err)
	id, err := m.CreateTag(d.ctx, &tags.Tag{Name: "a", TagID: newTagID(), CategoryID: category.ID})
	d.must(err)
	if !d.HideTag(id) {
		t.Fatal("no such tag")
	}
	if list, err := m.ListTagsForCategory(d.ctx, category.ID); err != nil || len(list) != 0 {
		t.Errorf("list %v, %v", list, err)
	}
	if _, err := m.GetTag(d.ctx, id); !rest.IsStatusError(err, http.StatusForbidden) {
		t.Errorf("get: %v", err)
	}
	if _, err := m.CreateTag(d.ctx, &tags.Tag{Name: "a", TagID: newTagID(), CategoryID: category.ID}); !mentions(err, "already_exists") {
		t.Errorf("create: %v", err)
	}
}

func TestZoneTags(t *testing.T) {
	t.Parallel()
	d := start(t)
	m := d.tagManager()
	dc, err := d.finder.Datacenter(d.ctx, "dc-1")
	d.must(err)
	a, err := d.finder.ClusterComputeResource(d.ctx, "cluster-a")
	d.must(err)
	b, err := d.finder.ClusterComputeResource(d.ctx, "cluster-b")
	d.must(err)
	attached, err := m.GetAttachedTagsOnObjects(d.ctx, []mo.Reference{dc, a, b})
	d.must(err)
	got := map[string]string{}
	for _, o := range attached {
		for _, tag := range o.Tags {
			got[o.ObjectID.Reference().Value] = tag.Name
		}
	}
	if got[dc.Reference().Value] != "region-1" || got[a.Reference().Value] != "zone-a" || got[b.Reference().Value] != "zone-b" {
		t.Errorf("tags %v", got)
	}
	zones, err := m.GetTagsForCategory(d.ctx, "k8s-zone")
	d.must(err)
	for _, zone := range zones {
		if zone.Name == "zone-a" {
			if err := m.AttachTag(d.ctx, zone.ID, b); err == nil {
				t.Error("a second zone on one compute cluster: the category allows one tag an object")
			}
			if err := m.AttachTag(d.ctx, zone.ID, dc); err == nil {
				t.Error("a zone on a datacenter: the category is for compute clusters")
			}
		}
	}
}

func TestRESTNeedsASession(t *testing.T) {
	t.Parallel()
	d := start(t, func(o *simulator.Options) { o.Users = map[string]string{"team-a@vsphere.local": "secret-a"} })
	c := rest.NewClient(d.client.Client)
	if _, err := tags.NewManager(c).ListTags(d.ctx); !rest.IsStatusError(err, http.StatusUnauthorized) {
		t.Errorf("without a session: %v", err)
	}
	if err := c.Login(d.ctx, url.UserPassword("team-a@vsphere.local", "wrong")); !rest.IsStatusError(err, http.StatusUnauthorized) {
		t.Errorf("wrong password: %v", err)
	}
	d.must(c.Login(d.ctx, url.UserPassword("team-a@vsphere.local", "secret-a")))
	session, err := c.Session(d.ctx)
	d.must(err)
	if session == nil || session.User != "team-a@vsphere.local" {
		t.Errorf("session %+v", session)
	}
	d.must(c.Logout(d.ctx))
	if got := d.Sessions().REST; got != 0 {
		t.Errorf("%d sessions after logout", got)
	}
}
