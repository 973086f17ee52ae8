package vmwarecluster_test

import (
	"fmt"
	"os"
	"path/filepath"
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
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const cluster = "gantry_vmware_cluster.prod"

// shape is what the tests vary.
type shape struct {
	name           string // default prod
	controlPlane   int
	workers        int
	cpu            int    // default 2
	extraPool      string // HCL of more worker pools
	extra          string // HCL of more attributes
	datastore      string // default shared-1
	computeCluster string // default cluster-a
	network        string // default dvpg-nodes
	template       string
	poolEnd        string
	datacenter     string
	resourcePool   string
	podCIDR        string // default 192.168.0.0/16
	folder         string // default k8s/prod
	reuseDelay     string // default 5m
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func config(e *acctest.Environment, s shape) string {
	if s.cpu == 0 {
		s.cpu = 2
	}
	placement := fmt.Sprintf(`{ compute_cluster = %q, datastore = %q, network = %q, resource_pool = %q, ip_pool_id = `+
		`gantry_ip_pool.nodes.id }`,
		or(s.computeCluster, "cluster-a"), or(s.datastore, "shared-1"), or(s.network, "dvpg-nodes"), or(s.resourcePool, "gantry"))
	return e.Config(fmt.Sprintf(`
resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  range           = { start = "10.10.183.1", end = %q }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.2"]
  reuse_delay     = %q
}

resource "gantry_cloud_account" "team" {
  name           = "team"
  vcenter_server = %q
  username       = %q
  password       = %q
  ca_certificate = %q
}

resource "gantry_vmware_cluster" "prod" {
  name          = %q
  cloud_account = gantry_cloud_account.team
  profile       = { kubernetes_version = "1.37.2", image = { template = %q } }
  datacenter    = %q
  folder        = %q
  network       = { ip_allocation = "static", pod_cidr = %q }
  control_plane = {
    node_count = %d
    cpu        = %d
    memory_gb  = 4
    placements = [%s]
  }
  worker_pools = {
    general = {
      node_count = %d
      cpu        = 2
      memory_gb  = 4
      labels     = { tier = "general" }
      placements = [%s]
    }
    %s
  }
  %s
}
`, or(s.poolEnd, "10.10.183.50"), or(s.reuseDelay, "5m"), e.Server(), e.Username(), e.Password(), e.CACertificate(),
		or(s.name, "prod"), or(s.template, "gantry-node-1.37.2"), or(s.datacenter, "dc-1"), or(s.folder, "k8s/prod"),
		or(s.podCIDR, "192.168.0.0/16"), s.controlPlane, s.cpu, placement,
		s.workers, placement, s.extraPool, s.extra))
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

func planned() tfjsonpath.Path { return tfjsonpath.New("planned_changes") }

func showsPlan(pairs ...string) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
		plancheck.ExpectKnownValue(cluster, planned(), changes(pairs...)),
	}}
}

func keptPlan(pairs ...string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(cluster, planned(), changes(pairs...))
}

func nodeNames(names ...string) statecheck.StateCheck {
	nodes := map[string]knownvalue.Check{}
	for _, n := range names {
		nodes[n] = knownvalue.NotNull()
	}
	return statecheck.ExpectKnownValue(cluster, tfjsonpath.New("nodes"), knownvalue.MapExact(nodes))
}

func isState(state string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(cluster, tfjsonpath.New("state"), knownvalue.StringExact(state))
}

// withSettings has a cluster ask for settings of Kubernetes, the body of an object in HCL.
func withSettings(config, settings string) string {
	return strings.Replace(config, "profile       = {", "profile = {\n    kubernetes = {\n"+settings+"\n    },", 1)
}

// ofControlPlane are settings that only the control plane is rolled for.
const ofControlPlane = `
      api_server = {
        extra_args   = { max-requests-inflight = "800" }
        audit_policy = yamlencode({ apiVersion = "audit.k8s.io/v1", kind = "Policy", rules = [{ level = "Metadata" }] })
        oidc         = { issuer_url = "https://login.example.com", audiences = ["kubernetes"] }
      }`

// rolledControlPlane are the steps that replace three control-plane nodes for other
// settings.
var rolledControlPlane = []string{
	"update_kubeadm_config", "prod", "snapshot_etcd", "prod",
	"create_node", "prod-cp-4", "delete_node", "prod-cp-1", "create_node", "prod-cp-5", "delete_node", "prod-cp-2",
	"create_node", "prod-cp-6", "delete_node", "prod-cp-3",
}

func TestAccClusterLife(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	first := []string{
		"create_record", "prod", "create_folder", "k8s/prod", "reserve_endpoint", "prod",
		"create_node", "prod-cp-1", "create_node", "prod-general-1", "create_node", "prod-general-2",
	}
	grown := []string{"create_node", "prod-general-3"}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				// Also in a plan of everything at once, the steps are known.
				Config: config(e, shape{controlPlane: 1, workers: 2}),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectKnownValue(cluster, planned(), changes(first...))},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					keptPlan(first...), isState("Running"), nodeNames("prod-cp-1", "prod-general-1", "prod-general-2"),
					statecheck.ExpectKnownValue(
						cluster,
						tfjsonpath.New("control_plane_endpoint"),
						knownvalue.StringRegexp(regexp.MustCompile(`^10\.10\.183\.\d+:6443$`)),
					),
					statecheck.ExpectKnownValue(cluster, tfjsonpath.New("kubeconfig"), knownvalue.StringRegexp(regexp.MustCompile(`client-key-data`))),
				},
				Check: func(s *terraform.State) error {
					return os.WriteFile(kubeconfig, []byte(s.RootModule().Resources[cluster].Primary.Attributes["kubeconfig"]), 0o600)
				},
			},
			{
				// A worker more: one step, known at plan time and kept by the state.
				Config:            config(e, shape{controlPlane: 1, workers: 3}),
				ConfigPlanChecks:  showsPlan(grown...),
				ConfigStateChecks: []statecheck.StateCheck{keptPlan(grown...), isState("Running")},
			},
			{
				// A change without steps keeps the list of the plan before it.
				Config:            config(e, shape{controlPlane: 1, workers: 3, extra: `incomplete_create = "error"`}),
				ConfigPlanChecks:  showsPlan(grown...),
				ConfigStateChecks: []statecheck.StateCheck{keptPlan(grown...)},
			},
			{
				Config:           config(e, shape{controlPlane: 1, workers: 3, extra: described}),
				ConfigPlanChecks: showsPlan("update_description", "prod"),
			},
			{
				// A VM deleted behind Terraform's back: only the world has moved.
				PreConfig: func() {
					if err := e.DeleteVM("prod-general-1"); err != nil {
						t.Error(err)
					}
				},
				Config:           config(e, shape{controlPlane: 1, workers: 3, extra: described}),
				ConfigPlanChecks: showsPlan("remove_lost_node", "prod-general-1", "create_node", "prod-general-4"),
				ConfigStateChecks: []statecheck.StateCheck{
					isState("Running"),
					nodeNames("prod-cp-1", "prod-general-2", "prod-general-3", "prod-general-4"),
				},
			},
			{
				// Without description and tags, too.
				Config: config(e, shape{controlPlane: 1, workers: 1, extraPool: extraPool}),
				ConfigPlanChecks: showsPlan("create_node", "prod-more-1", "delete_node", "prod-general-4", "delete_node", "prod-general-3",
					"update_description", "prod"),
				ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1", "prod-general-2", "prod-more-1")},
			},
			{
				Config:            config(e, shape{controlPlane: 1, workers: 1}),
				ConfigPlanChecks:  showsPlan("delete_node", "prod-more-1"),
				ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1", "prod-general-2")},
			},
			{
				// The control plane grows, one member of etcd at a time.
				Config:            config(e, shape{controlPlane: 3, workers: 1}),
				ConfigPlanChecks:  showsPlan("create_node", "prod-cp-2", "create_node", "prod-cp-3"),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running")},
			},
			{
				// It is rolled, and there is nothing to do after.
				Config: withSettings(config(e, shape{controlPlane: 3, workers: 1, cpu: 4}), ofControlPlane),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectKnownValue(cluster, planned(), changes(rolledControlPlane...))},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					keptPlan(rolledControlPlane...), isState("Running"), nodeNames("prod-cp-4", "prod-cp-5", "prod-cp-6", "prod-general-2"),
				},
			},
		},
	})
}

const described = `
  incomplete_create = "error"
  description       = "Shop\\nof the south"
  tags              = { team = "shop" }`

const extraPool = `
    more = {
      node_count = 1
      cpu        = 2
      memory_gb  = 4
      placements = [{ compute_cluster = "cluster-b", datastore = "shared-1", network = "dvpg-nodes", ip_pool_id = gantry_ip_pool.nodes.id }]
    }`

func TestAccClusterDisappears(t *testing.T) {
	t.Parallel()
	e := acctest.New(t, simulator.Options{})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{controlPlane: 1})},
			{
				Config:      strings.Replace(config(e, shape{controlPlane: 1}), "control_plane = {", "control_plane = {\n    schedulable = true", 1),
				ExpectError: says("control_plane.schedulable", "is not supported"),
			},
			{
				Config:      config(e, shape{name: "other", controlPlane: 1, extra: "deletion_protection = true"}),
				ExpectError: nil,
				PlanOnly:    true, ExpectNonEmptyPlan: true,
			},
		},
	})
}
