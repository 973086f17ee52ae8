package vsphere_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// The content of an item that never comes is waited for until a bound, which is said.
func TestSynchronizationIsBounded(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) {
		o.TaskDuration = time.Hour
		o.Inventory.Libraries = []simulator.Library{{
			Name: "far", Subscribed: true, Items: []simulator.LibraryItem{{Name: "node", WithoutContent: true}},
		}}
	})
	image := model.FromLibrary(model.LibraryItem{Library: "far", Item: "node"}, "")
	survey := v.survey(names(func(n *model.Names) { n.Image = image }))
	image = model.ClusterSpec{Image: image}.Resolved(survey.Site).Image
	if c := image.Library.Content; c.Version != "1" || c.Cached || c.Type != model.LibraryOVF {
		t.Fatalf("the item has %+v, and the findings are %v", c, survey.Findings.Problems)
	}
	err := v.client.SyncImageFor(t.Context(), image, 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "after 50ms") || !strings.Contains(err.Error(), "in the vSphere Client") {
		t.Errorf("the error is %v", err)
	}
	v.AdvanceClock(2 * time.Hour)
	v.must(v.client.SyncImageFor(t.Context(), image, time.Minute))
	v.DenyPrivilege("", "ContentLibrary.SyncLibraryItem")
	v.must(v.client.SyncImageFor(t.Context(), image, time.Minute)) // it is there
}
