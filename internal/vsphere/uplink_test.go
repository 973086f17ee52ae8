package vsphere_test

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// A switch's uplink port group is neither suggested nor taken, and named for what it is.
func TestUplinkPortGroupsAreNoNetworks(t *testing.T) {
	t.Parallel()
	v := start(t)
	var uplink string
	v.admin(func(client *govmomi.Client) {
		all, err := find.NewFinder(client.Client).NetworkList(t.Context(), "/dc-1/network/*")
		v.must(err)
		for _, network := range all {
			if path := network.GetInventoryPath(); strings.Contains(path, "DVUplinks") {
				uplink = path
			}
		}
	})
	if uplink == "" {
		t.Fatal("the simulated switch has no uplink port group")
	}
	problem := func(network string) model.Finding {
		t.Helper()
		found := v.survey(names(placed(func(p *model.Placement) { p.Network = network }))).Findings.Problems
		if len(found) != 1 {
			t.Fatalf("%s: findings %+v", network, found)
		}
		return found[0]
	}
	near := problem(uplink + "x")
	_, suggested, found := strings.Cut(near.Detail, "Available: ")
	if !found || strings.Contains(suggested, "DVUplinks") {
		t.Errorf("suggested: %s", near.Detail)
	}
	if named := problem(uplink); !strings.Contains(named.Summary, "uplink port group") ||
		!strings.Contains(named.Detail, `"`+uplink+`"`) || !strings.Contains(named.Detail, "dvpg-nodes") {
		t.Errorf("named: %s: %s", named.Summary, named.Detail)
	}
}
