package nodeimage_test

import (
	"context"
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

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

const image = "gantry_node_image.golden"

// shape is what differs between configurations; empty is what is usual.
type shape struct {
	name, base, script, build, network, extra, lifecycle string
}

func or(value, usual string) string {
	if value == "" {
		return usual
	}
	return value
}

const pool = `
resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.50" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
  reuse_delay     = "0s"
}
`

// config is a configuration of an image and its IP pool.
func config(e *acctest.Environment, s shape) string {
	return e.Config(pool + fmt.Sprintf(`
resource "gantry_node_image" "golden" {
  name       = %q
  base       = %s
  build      = { scripts = [%q] %s }
  placement  = { datacenter = "dc-1", compute_cluster = "cluster-a", datastore = "shared-1", network = %q }
  network    = { ip_allocation = "static" }
  ip_pool_id = gantry_ip_pool.nodes.id
  %s
  %s
}
`, or(s.name, "golden"), or(s.base, `{ template = "gantry-node-1.37.2" }`), or(s.script, "echo one"), s.build, or(s.network, "dvpg-nodes"),
		s.extra, s.lifecycle))
}

// does is a plan that takes an action on the image.
func does(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(image, action)}}
}

// isTemplate checks the path of the template.
func isTemplate(pattern string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(image, tfjsonpath.New("template"), knownvalue.StringRegexp(regexp.MustCompile("^"+pattern+"$")))
}

const built = `/dc-1/vm/gantry-node-1.37.2-[0-9a-f]{12}-[0-9a-f]{8}`

// made are the paths of what was built.
func made(e *acctest.Environment) []string { return e.Leftovers().VMs }

func madeName(e *acctest.Environment) string {
	all := made(e)
	if len(all) != 1 {
		return fmt.Sprintf("%d images", len(all))
	}
	return strings.TrimPrefix(all[0], "/dc-1/vm/")
}

// TestAccNodeImage is the life of an image.
func TestAccNodeImage(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	var ref string
	same := func(*terraform.State) error {
		all := made(e)
		if len(all) != 1 || ref != "" && all[0] != ref {
			return fmt.Errorf("made are %v, and was %s", all, ref)
		}
		ref = all[0]
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: config(e, shape{}), ConfigPlanChecks: does(plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{isTemplate(built)}, Check: same,
			},
			{ // its name is that of the resource alone
				Config: config(e, shape{name: "silver"}), ConfigPlanChecks: does(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{isTemplate(built)}, Check: same,
			},
			{ // what it is built with and on, and how its base is called, makes no other image
				Config: config(e, shape{
					name: "silver", network: "VM Network", base: `{ template = "/dc-1/vm/templates/gantry-node-1.37.2" }`,
					build: ", cpu = 4", extra: `proxy = { http = "http://p.example.com:3128", https = "http://p.example.com:3128" }`,
				}),
				ConfigPlanChecks: does(plancheck.ResourceActionUpdate), Check: same,
			},
			{ // renamed in vCenter, and another one has its name by then
				PreConfig: func() {
					name := madeName(e)
					if err := e.RenameVM(name, "renamed"); err != nil {
						t.Error(err)
					}
					ref = "/dc-1/vm/renamed"
				},
				Config:            config(e, shape{}),
				ConfigStateChecks: []statecheck.StateCheck{isTemplate("/dc-1/vm/renamed")}, Check: same,
			},
			{ResourceName: image, ImportState: true, ImportStateId: "renamed", ImportStateVerify: true, ImportStateVerifyIgnore: []string{
				"name", "base", "build", "placement", "network", "ip_pool_id",
			}},
			{ // other scripts are another image
				Config: config(e, shape{script: "echo two"}), ConfigPlanChecks: does(plancheck.ResourceActionReplace),
				ConfigStateChecks: []statecheck.StateCheck{isTemplate(built)},
				Check: func(*terraform.State) error {
					ref = ""
					return same(nil)
				},
			},
			{ // gone, it is built anew, and the record of what is gone is deleted
				PreConfig: func() {
					if err := e.DeleteVM(madeName(e)); err != nil {
						t.Error(err)
					}
				},
				Config: config(e, shape{script: "echo two"}), ConfigPlanChecks: does(plancheck.ResourceActionReplace),
				Check: same,
			},
		},
	})
}

// soleHolder is what the one holder of the one image is known by.
func soleHolder(e *acctest.Environment) (string, error) {
	entries, err := e.Ledger().Entries(context.Background())
	for _, entry := range entries {
		if entry.Record == nil || entry.Record.Kind != record.KindImage {
			continue
		}
		body, err := entry.Record.Image()
		if err == nil && len(body.Holders) == 1 {
			return string(body.Holders[0].Incarnation), nil
		}
		return "", fmt.Errorf("the holders are %v: %w", body.Holders, err)
	}
	return "", fmt.Errorf("there is no record: %w", err)
}

// TestAccNodeImageImported imports what another state has made, by its path and in the place of that
// holder: the configuration is taken over without another build.
func TestAccNodeImageImported(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	var path string
	steps := []resource.TestStep{
		{Config: config(e, shape{}), Check: func(*terraform.State) error { path = made(e)[0]; return nil }},
		{Config: e.Config(pool + `
removed {
  from = gantry_node_image.golden
  lifecycle { destroy = false }
}
`)},
		{
			Config: config(e, shape{name: "mine"}), ResourceName: image, ImportState: true, ImportStatePersist: true,
			ImportStateIdFunc: func(*terraform.State) (string, error) {
				lost, err := soleHolder(e)
				return path + "," + lost, err
			},
		},
		{
			Config: config(e, shape{name: "mine"}), ConfigPlanChecks: does(plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{isTemplate(built)},
			Check: func(*terraform.State) error {
				if all := made(e); len(all) != 1 || all[0] != path {
					return fmt.Errorf("made are %v", all)
				}
				_, err := soleHolder(e)
				return err
			},
		},
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.Factories(), CheckDestroy: e.CheckDestroy, Steps: steps})
}

// TestAccNodeImageFails has a build fail: nothing is left, and the next apply makes the image.
func TestAccNodeImageFails(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: e.Config(pool)},
			{Config: config(e, shape{script: "exit 3"}), ExpectError: acctest.Words("command 001 of build failed with status 3")},
			{
				PreConfig: func() {
					if all := made(e); len(all) > 0 {
						t.Errorf("left are %v", all)
					}
				},
				Config: config(e, shape{}), ConfigPlanChecks: does(plancheck.ResourceActionCreate),
			},
		},
	})
}
