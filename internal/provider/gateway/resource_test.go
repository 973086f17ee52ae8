package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

const gateway = "gantry_gateway.dc1"

// gatewayRef refers to the gateway of the tests.
var gatewayRef = record.Ref{Kind: record.KindGateway, Name: "dc1"}

// lab is an IP pool of another workspace.
func lab(start, end string) record.IPPool {
	return record.IPPool{Name: "lab", Start: start, End: end, PrefixLength: 18, DefaultGateway: "10.10.128.1"}
}

// shape is what the tests vary; the zero value is a gateway that works.
type shape struct {
	template string // default gantry-node-1.37.2
	cpu      int    // default 2
	poolEnd  string // default 10.10.183.20
	code     string // default pairing_code = "token"
	extra    string // HCL of more attributes
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func config(e *acctest.Environment, s shape) string {
	return e.Config(fmt.Sprintf(`
resource "gantry_gateway" "dc1" {
  name               = "dc1"
  node_count         = 1
  image              = { template = %q }
  kubernetes_version = "1.37.2"
  cpu                = %d
  memory_gb          = 4
  disk_gb            = 60
  placement = {
    datacenter      = "dc-1"
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    folder          = "k8s/dc1"
  }
  network = { ip_allocation = "static" }
  ip_pool = {
    name            = "dc1-nodes"
    range           = { start = "10.10.183.1", end = %q }
    prefix_length   = 18
    default_gateway = "10.10.128.1"
  }
  console_endpoint = "https://app.terraform.io"
  %s
  %s
}
`, or(s.template, "gantry-node-1.37.2"), or(s.cpu, 2), or(s.poolEnd, "10.10.183.20"), or(s.code, `pairing_code = "token"`), s.extra))
}

func changes(pairs ...string) knownvalue.Check {
	list := make([]knownvalue.Check, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, knownvalue.ObjectExact(map[string]knownvalue.Check{
			"action": knownvalue.StringExact(pairs[i]), "target": knownvalue.StringExact(pairs[i+1]),
		}))
	}
	return knownvalue.ListExact(list)
}

func at(name string) tfjsonpath.Path { return tfjsonpath.New(name) }

// plans expects the steps of a plan, and that it replaces nothing.
func plans(action plancheck.ResourceActionType, pairs ...string) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
		plancheck.ExpectResourceAction(gateway, action),
		plancheck.ExpectKnownValue(gateway, at("planned_changes"), changes(pairs...)),
	}}
}

// kept expects that values are known in a plan.
func kept(names ...string) []plancheck.PlanCheck {
	var checks []plancheck.PlanCheck
	for _, name := range names {
		checks = append(checks, plancheck.ExpectKnownValue(gateway, at(name), knownvalue.NotNull()))
	}
	return checks
}

func has(name string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(gateway, at(name), check)
}

// created are the steps of a creation.
var created = []string{
	"create_record", "dc1", "create_ip_pool", "dc1-nodes", "create_folder", "k8s/dc1", "reserve_endpoint", "dc1",
	"create_node", "dc1-cp-1", "apply_pack", "cni", "apply_pack", "agent",
}

// TestAccGatewayLife is not parallel: import is told by the environment.
func TestAccGatewayLife(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	t.Setenv("GANTRY_IMPORT_KUBECONFIG", kubeconfig)
	e := acctest.New(t)
	gatewayID := e.Ledger().ID(gatewayRef)
	id := gatewayID.String()
	pool := knownvalue.StringExact(e.Ledger().ID(record.Ref{Kind: record.KindIPPool, GatewayID: gatewayID, Name: "dc1-nodes"}).String())
	account := knownvalue.ObjectExact(map[string]knownvalue.Check{
		"id": knownvalue.NotNull(), "name": knownvalue.StringExact("default"), "gateway_id": knownvalue.StringExact(id),
		"vcenter_server": knownvalue.StringExact(e.Server()), "username": knownvalue.StringExact(e.Username()), "password": knownvalue.Null(),
		"ca_certificate": knownvalue.StringExact(e.CACertificate()), "insecure_skip_verify": knownvalue.Bool(false),
	})
	first := plans(plancheck.ResourceActionCreate, created...)
	first.PreApply = append(first.PreApply,
		plancheck.ExpectKnownValue(gateway, at("id"), knownvalue.StringExact(id)),
		plancheck.ExpectKnownValue(gateway, at("ip_pool_id"), pool),
		plancheck.ExpectKnownValue(gateway, at("default_cloud_account"), account))
	first.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	second := plans(plancheck.ResourceActionUpdate, "apply_pack", "agent")
	second.PreApply = append(second.PreApply,
		plancheck.ExpectKnownValue(gateway, at("id"), knownvalue.StringExact(id)),
		plancheck.ExpectKnownValue(gateway, at("kubeconfig"), knownvalue.NotNull()),
		plancheck.ExpectKnownValue(gateway, at("control_plane_endpoint"), knownvalue.NotNull()),
		plancheck.ExpectKnownValue(gateway, at("ip_pool_id"), pool),
		plancheck.ExpectKnownValue(gateway, at("default_cloud_account"), account))
	second.PostApplyPostRefresh = first.PostApplyPostRefresh
	newer := shape{extra: `agent_image = "registry.example.com/tfc-agent:2"`}
	changed := shape{extra: newer.extra + `
  clone_mode  = "full"
  ntp_servers = ["ntp.example.com"]
  proxy       = { http = "http://10.0.0.9:3128", https = "http://10.0.0.9:3128", no_proxy = ".example.com" }`}
	third := plans(plancheck.ResourceActionUpdate, "move_nodes", "k8s/gateways", "apply_pack", "agent",
		"snapshot_etcd", "dc1", "create_node", "dc1-cp-2", "delete_node", "dc1-cp-1")
	third.PostApplyPostRefresh = first.PostApplyPostRefresh
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:           config(e, shape{}),
				ConfigPlanChecks: first,
				ConfigStateChecks: []statecheck.StateCheck{
					has("id", knownvalue.StringExact(id)), has("state", knownvalue.StringExact("Running")), has("ip_pool_id", pool),
					has("default_cloud_account", account), has("agent_image", knownvalue.StringExact(agent.DefaultImage)),
					has("registration_timeout", knownvalue.StringExact("10m")),
					has("nodes", knownvalue.MapExact(map[string]knownvalue.Check{"dc1-cp-1": knownvalue.NotNull()})),
				},
				Check: func(s *terraform.State) error {
					return os.WriteFile(kubeconfig, []byte(s.RootModule().Resources[gateway].Primary.Attributes["kubeconfig"]), 0o600)
				},
			},
			{
				Config:            config(e, newer),
				ConfigPlanChecks:  second,
				ConfigStateChecks: []statecheck.StateCheck{has("state", knownvalue.StringExact("Running"))},
			},
			{
				// Not a step: only how long to wait.
				Config:           config(e, shape{extra: newer.extra + "\n  registration_timeout = \"5m\""}),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate, "apply_pack", "agent"),
			},
			{
				// The VM moves, and is replaced for what it has booted with.
				Config:           strings.Replace(config(e, changed), `"k8s/dc1"`, `"k8s/gateways"`, 1),
				ConfigPlanChecks: third,
				ConfigStateChecks: []statecheck.StateCheck{
					has("state", knownvalue.StringExact("Running")),
					statecheck.ExpectKnownValue(gateway, at("nodes"), knownvalue.MapExact(map[string]knownvalue.Check{"dc1-cp-2": knownvalue.NotNull()})),
				},
			},
			{
				ResourceName: gateway,
				ImportState:  true, ImportStateId: "dc1", ImportStateVerify: true,
				// Secrets are not stored, and the kubeconfig is always issued anew.
				ImportStateVerifyIgnore: []string{"pairing_code", "proxy.http", "proxy.https", "kubeconfig", "planned_changes", "conditions"},
			},
		},
	})
}

func TestAccGatewayDisappears(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{})},
			{
				PreConfig: func() {
					if err := e.DeleteVM("dc1-cp-1"); err != nil {
						t.Error(err)
					}
				},
				RefreshState: true,
				Check:        resource.TestCheckResourceAttr(gateway, "state", "Degraded"),
			},
			{
				// A running control plane is never built again from nothing, unasked.
				Config:      config(e, shape{extra: `agent_image = "registry.example.com/tfc-agent:2"`}),
				ExpectError: acctest.Words("or set reset_trigger to another value"),
			},
			{
				Config: config(e, shape{extra: `reset_trigger = "lost"`}) + pools,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: append(plans(plancheck.ResourceActionUpdate,
						"reset_control_plane", "dc1", "release_address", "dc1-cp-1", "create_node", "dc1-cp-2", "apply_pack", "cni", "apply_pack", "agent",
					).PreApply, kept("id", "ip_pool_id", "control_plane_endpoint", "kubeconfig", "default_cloud_account")...),
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					has("state", knownvalue.StringExact("Running")),
					has("nodes", knownvalue.MapExact(map[string]knownvalue.Check{"dc1-cp-2": knownvalue.NotNull()})),
				},
			},
		},
	})
}
