package vmwarecluster_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// restoreFrom is the attribute for the snapshot in a directory, which a server serves.
func restoreFrom(server, directory string) string {
	return fmt.Sprintf(`etcd_snapshot         = { directory = %[2]q }
  restore_from_snapshot = {
    url    = "%[1]s/${one(fileset(%[2]q, "prod-*.db"))}?presigned"
    sha256 = upper(filesha256("%[2]s/${one(fileset(%[2]q, "prod-*.db"))}"))
  }`, server, directory)
}

// TestAccClusterRestored restores a cluster whose control-plane VM is gone from the snapshot
// that was taken when it was rolled, as the guide says.
func TestAccClusterRestored(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	directory := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(directory)))
	t.Cleanup(server.Close)
	before := shape{controlPlane: 1, workers: 1}
	rolled := before
	rolled.template = "gantry-node-1.37.2-nosnap"
	rolled.extra = fmt.Sprintf("etcd_snapshot = { directory = %q }", directory)
	restored := rolled
	restored.extra = restoreFrom(server.URL, directory)
	steps := []string{
		"reset_control_plane", "prod", "release_address", "prod-cp-2", "create_node", "prod-cp-3", "remove_stale_nodes", "prod",
		"reconnect_workers", "prod",
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, before)},
			{Config: config(e, rolled)},
			{Config: config(e, restored), PlanOnly: true, ExpectError: says("The cluster has its quorum", "restore_from_snapshot", "Remove")},
			{
				PreConfig: func() {
					if err := e.DeleteVM("prod-cp-2"); err != nil {
						t.Fatal(err)
					}
				},
				Config: config(e, restored),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             append(showsPlan(steps...).PreApply, plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate)),
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-3", "prod-general-2")},
			},
			{Config: config(e, rolled)},
		},
	})
}
