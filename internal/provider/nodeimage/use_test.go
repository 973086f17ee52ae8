package nodeimage_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

const cluster = "gantry_vmware_cluster.prod"

// using is a configuration with a cluster whose image is template.
func using(e *acctest.Environment, config, template string) string {
	return config + fmt.Sprintf(`
resource "gantry_cloud_account" "team" {
  name           = "team"
  vcenter_server = %q
  username       = %q
  password       = %q
  ca_certificate = %q
}

resource "gantry_vmware_cluster" "prod" {
  name          = "prod"
  cloud_account = gantry_cloud_account.team
  profile       = { kubernetes_version = "1.37.2", image = { template = %s } }
  datacenter    = "dc-1"
  folder        = "k8s/prod"
  network       = { ip_allocation = "static" }
  control_plane = {
    node_count = 1
    cpu        = 2
    memory_gb  = 4
    placements = [{ compute_cluster = "cluster-a", datastore = "shared-1", network = "dvpg-nodes", ip_pool_id = gantry_ip_pool.nodes.id }]
  }
  worker_pools = {
    general = {
      node_count = 1
      cpu        = 2
      memory_gb  = 4
      placements = [{ compute_cluster = "cluster-a", datastore = "shared-1", network = "dvpg-nodes", ip_pool_id = gantry_ip_pool.nodes.id }]
    }
  }
  deletion_protection = false
}
`, e.Server(), e.Username(), e.Password(), e.CACertificate(), template)
}

const replaceSafely = "lifecycle { create_before_destroy = true }"

// nodes checks the names of the cluster's nodes.
func nodes(names ...string) statecheck.StateCheck {
	all := map[string]knownvalue.Check{}
	for _, name := range names {
		all[name] = knownvalue.NotNull()
	}
	return statecheck.ExpectKnownValue(cluster, tfjsonpath.New("nodes"), knownvalue.MapPartial(all))
}

// remembered is a configuration whose cluster has the path of the image also when that is removed.
func remembered(e *acctest.Environment, config, template string) string {
	return using(e, config, "terraform_data.path.output") + fmt.Sprintf(`
resource "terraform_data" "path" {
  input = %s
  lifecycle { ignore_changes = [input] }
}

data "gantry_orphans" "all" { depends_on = [gantry_vmware_cluster.prod] }
`, template)
}

// TestAccNodeImageInUse has a cluster use an image: it is not destroyed then, is no orphan, and goes
// after the cluster.
func TestAccNodeImageInUse(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	whole := remembered(e, config(e, shape{}), "gantry_node_image.golden.template")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: whole, ConfigStateChecks: []statecheck.StateCheck{nodes("prod-cp-1", "prod-general-1"), noOrphans}},
			{Config: remembered(e, e.Config(pool), `""`), ExpectError: acctest.Words("/dc-1/vm/k8s/prod/prod-cp-1")},
			{ // a snapshot of a backup changes nothing
				PreConfig: func() {
					if err := e.SnapshotVM(imageNames(e)[0], "backup"); err != nil {
						t.Error(err)
					}
				},
				Config: whole, PlanOnly: true,
			},
			{Config: config(e, shape{})}, // its cluster is destroyed
			{ // whether a state holds it, orphans do not know
				Config: config(e, shape{}) + `data "gantry_orphans" "all" { depends_on = [gantry_node_image.golden] }`,
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue("data.gantry_orphans.all",
					tfjsonpath.New("orphans"), knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"detail": knownvalue.StringRegexp(regexp.MustCompile(`it is held by: golden \(`)),
					})}))},
			},
		},
	})
}

var noOrphans = statecheck.ExpectKnownValue("data.gantry_orphans.all", tfjsonpath.New("orphans"), knownvalue.ListSizeExact(0))

// imageNames are the names of what was built, without the cluster's nodes.
func imageNames(e *acctest.Environment) []string {
	var names []string
	for _, vm := range made(e) {
		if name, ok := strings.CutPrefix(vm, "/dc-1/vm/gantry-node"); ok {
			names = append(names, "gantry-node"+name)
		}
	}
	return names
}

// TestAccNodeImageIsReplaced changes the build of an image that a cluster uses.
func TestAccNodeImageIsReplaced(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	reference := "gantry_node_image.golden.template"
	alone := func(*terraform.State) error {
		if names := imageNames(e); len(names) != 1 {
			return fmt.Errorf("the images are %v", names)
		}
		return nil
	}
	unsafe := using(e, config(e, shape{script: "echo two"}), reference)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: using(e, config(e, shape{}), reference)},
			{Config: unsafe, ExpectError: acctest.Words("create_before_destroy = true")},
			{
				Config: using(e, config(e, shape{script: "echo two", lifecycle: replaceSafely}), reference),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(image, plancheck.ResourceActionCreateBeforeDestroy),
				}},
				ConfigStateChecks: []statecheck.StateCheck{nodes("prod-cp-2", "prod-general-2")},
				Check:             alone,
			},
		},
	})
}
