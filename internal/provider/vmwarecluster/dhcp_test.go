package vmwarecluster_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// leased is a configuration whose nodes take leases.
func leased(e *acctest.Environment, s shape) string {
	return strings.NewReplacer(
		`ip_allocation = "static"`, `ip_allocation = "dhcp"`,
		`, ip_pool_id = gantry_ip_pool.nodes.id`, "",
	).Replace(config(e, s))
}

// shownUpdate expects an update with these steps, and an empty plan after it.
func shownUpdate(steps ...string) resource.ConfigPlanChecks {
	checks := showsPlan(steps...)
	checks.PreApply = append(checks.PreApply, plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate))
	checks.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	return checks
}

// TestAccClusterDHCPLife creates a cluster with leases, grows its control plane from 1 to 3,
// rolls it, replaces its load balancer, and destroys it. The endpoint stays throughout.
func TestAccClusterDHCPLife(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	endpoint := ""
	stays := func(s *terraform.State) error {
		now := s.RootModule().Resources[cluster].Primary.Attributes["control_plane_endpoint"]
		if endpoint == "" {
			endpoint = now
		}
		if now != endpoint || !strings.HasSuffix(now, ":6443") {
			t.Errorf("the endpoint was %s and is %s", endpoint, now)
		}
		return nil
	}
	first := []string{
		"create_record", "prod", "create_folder", "k8s/prod", "create_load_balancer", "prod-lb",
		"create_node", "prod-cp-1", "create_node", "prod-general-1",
	}
	created := showsPlan(first...)
	created.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	rolled := []string{
		"snapshot_etcd", "prod", "create_node", "prod-cp-4", "delete_node", "prod-cp-1", "create_node", "prod-cp-5", "delete_node", "prod-cp-2",
		"create_node", "prod-cp-6", "delete_node", "prod-cp-3",
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: leased(e, shape{controlPlane: 1, workers: 1}), ConfigPlanChecks: created, Check: stays,
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-1", "prod-general-1", "prod-lb")},
			},
			{
				Config: leased(e, shape{controlPlane: 3, workers: 1}), Check: stays,
				ConfigPlanChecks: shownUpdate("create_node", "prod-cp-2", "create_node", "prod-cp-3"),
			},
			{
				Config: leased(e, shape{controlPlane: 3, workers: 1, cpu: 4}), Check: stays,
				ConfigPlanChecks:  shownUpdate(rolled...),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running")},
			},
			{
				Config: leased(e, shape{controlPlane: 3, workers: 1, cpu: 4, extra: "load_balancer = { cpu = 4 }"}), Check: stays,
				ConfigPlanChecks:  shownUpdate("replace_load_balancer", "prod-lb"),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running")},
			},
			{
				// Back to the default, which is another change.
				Config: leased(e, shape{controlPlane: 3, workers: 1, cpu: 4}), Check: stays,
				ConfigPlanChecks: shownUpdate("replace_load_balancer", "prod-lb"),
			},
			{
				Config:      leased(e, shape{controlPlane: 3, workers: 1, cpu: 4, extra: `load_balancer = { host_name = "prod.example.com" }`}),
				ExpectError: says("In-place change not supported", "load_balancer.host_name", "certificates carry it"),
			},
		},
	})
}

// TestAccClusterDHCPLeaseChanged replaces a load balancer that gets another lease: the apply
// stops, and goes on once the address is reserved.
func TestAccClusterDHCPLeaseChanged(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	address, vm, id := "", "", ""
	remember := func(s *terraform.State) error {
		attributes := s.RootModule().Resources[cluster].Primary.Attributes
		address, vm, id = attributes["nodes.prod-lb.address"], attributes["nodes.prod-lb.vm_id"], attributes["id"]
		return nil
	}
	larger := leased(e, shape{controlPlane: 1, workers: 0, extra: "load_balancer = { cpu = 4 }"})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: leased(e, shape{controlPlane: 1, workers: 0}), Check: remember},
			{
				PreConfig: func() {
					if err := e.ChangeLease(vm, netip.Addr{}); err != nil {
						t.Error(err)
					}
				},
				Config:      larger,
				ExpectError: says("The load balancer prod-lb had the address", "which clients and certificates know", "Reserve", "00:50:56:"),
			},
			{
				PreConfig: func() {
					survey, err := e.VCenter().Survey(t.Context(), enginemodel.SurveyRequest{Cluster: uuid.MustParse(id)})
					if err != nil {
						t.Error(err)
						return
					}
					for _, m := range survey.Machines {
						if !m.Marker.LoadBalancer() {
							continue
						}
						if err := e.ChangeLease(strings.TrimPrefix(m.Ref, "VirtualMachine:"), netip.MustParseAddr(address)); err != nil {
							t.Error(err)
						}
					}
				},
				Config:            larger,
				ConfigPlanChecks:  shownUpdate("restart_load_balancer", "prod-lb"),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running")},
			},
		},
	})
}

// TestAccClusterDHCPRefusals refuses what goes with static addresses alone, and the reverse.
func TestAccClusterDHCPRefusals(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	static := config(e, shape{controlPlane: 1, workers: 1, extra: "load_balancer = {}"})
	mixed := strings.Replace(config(e, shape{controlPlane: 1, workers: 1}), `ip_allocation = "static"`, `ip_allocation = "dhcp"`, 1)
	mixed = strings.ReplaceAll(mixed, "gantry_ip_pool.nodes.id", `"44444444-4444-4444-8444-444444444444"`)
	without := strings.ReplaceAll(config(e, shape{controlPlane: 1, workers: 1}), `, ip_pool_id = gantry_ip_pool.nodes.id`, "")
	lb := leased(e, shape{controlPlane: 1, workers: 1, extra: `load_balancer = { haproxy_image = "haproxy", host_name = "Prod" }`})
	named := strings.Replace(leased(e, shape{controlPlane: 1, workers: 1}), "general = {", "lb = {", 1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: static, PlanOnly: true, ExpectError: says("Load balancer without DHCP", "Remove load_balancer")},
			{Config: mixed, PlanOnly: true, ExpectError: says("IP pool with DHCP", "control_plane.placements[0].ip_pool_id", "Remove ip_pool_id")},
			{Config: without, PlanOnly: true, ExpectError: says("IP pool missing", "control_plane.placements[0].ip_pool_id", "Set ip_pool_id")},
			{Config: lb, PlanOnly: true, ExpectError: says("Invalid container image", "with its registry")},
			{Config: lb, PlanOnly: true, ExpectError: says("Invalid host name", "lower-case")},
			{Config: named, PlanOnly: true, ExpectError: says("worker_pools", "value must be none of", "lb")},
		},
	})
}

// TestAccClusterDHCPImport loses the state of a cluster with leases that is reached by a name,
// and that is in a datastore cluster.
func TestAccClusterDHCPImport(t *testing.T) {
	e := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{DatastoreClusters: []simulator.DatastoreCluster{
		{Name: "pod-1", Datastores: []string{"pod-1a"}},
	}}})
	config := strings.ReplaceAll(leased(e, shape{controlPlane: 1, workers: 1, extra: `load_balancer = { host_name = "prod.example.com" }`}),
		`datastore = "shared-1"`, `datastore_cluster = "pod-1"`)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	t.Setenv("GANTRY_IMPORT_KUBECONFIG", kubeconfig)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: config,
				Check: func(s *terraform.State) error {
					return os.WriteFile(kubeconfig, []byte(s.RootModule().Resources[cluster].Primary.Attributes["kubeconfig"]), 0o600)
				},
				ConfigStateChecks: []statecheck.StateCheck{isState("Running")},
			},
			{
				ResourceName: cluster, ImportState: true, ImportStateId: "prod", ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{
					"cloud_account", "kubeconfig", "kubernetes_client_configuration", "planned_changes", "conditions",
				},
			},
		},
	})
}
