package orphans_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// records are a pool and an account, and built is what lives on them, with a gateway.
func records(e *acctest.Environment) string {
	return fmt.Sprintf(`
resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.20" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
}
resource "gantry_cloud_account" "team" {
  name           = "team"
  vcenter_server = %q
  username       = %q
  password       = %q
  ca_certificate = %q
}
`, e.Server(), e.Username(), e.Password(), e.CACertificate())
}

const clusterHCL = `
resource "gantry_vmware_cluster" "prod" {
  name          = "prod"
  cloud_account = gantry_cloud_account.team
  profile       = { kubernetes_version = "1.37.2", image = { template = "gantry-node-1.37.2" } }
  datacenter    = "dc-1"
  folder        = "k8s/prod"
  network       = { ip_allocation = "static" }
  control_plane = {
    node_count = 1
    cpu        = 2
    memory_gb  = 4
    placements = [{ compute_cluster = "cluster-a", datastore = "shared-1", network = "dvpg-nodes", ip_pool_id = gantry_ip_pool.nodes.id }]
  }
}
`

const gatewayHCL = `
resource "gantry_gateway" "dc1" {
  name               = "dc1"
  node_count         = 1
  image              = { template = "gantry-node-1.37.2" }
  kubernetes_version = "1.37.2"
  cpu                = 2
  memory_gb          = 4
  disk_gb            = 60
  placement          = { datacenter = "dc-1", compute_cluster = "cluster-a", datastore = "shared-1", network = "dvpg-nodes", folder = "gw" }
  network            = { ip_allocation = "static" }
  ip_pool            = {
    name            = "dc1-nodes"
    range           = { start = "10.10.184.1", end = "10.10.184.20" }
    prefix_length   = 18
    default_gateway = "10.10.128.1"
  }
  console_endpoint = "https://app.terraform.io"
  pairing_code     = "token"
}
`

// leasedHCL is the cluster by the name shop, with leases and thus a load balancer.
func leasedHCL() string {
	return strings.NewReplacer("prod", "shop", "static", "dhcp", ", ip_pool_id = gantry_ip_pool.nodes.id", "").Replace(clusterHCL)
}

// forgotten drops all from the state and destroys nothing, as where the state is lost.
func forgotten() string {
	hcl := ""
	for _, name := range []string{
		"gantry_vmware_cluster.prod", "gantry_vmware_cluster.shop", "gantry_gateway.dc1", "gantry_cloud_account.team", "gantry_ip_pool.nodes",
	} {
		hcl += fmt.Sprintf("removed {\n  from = %s\n  lifecycle {\n    destroy = false\n  }\n}\n", name)
	}
	return hcl
}

// TestAccStateAndVMsAreLost loses the state, and then the VMs: the records of what is
// lost are listed with their addresses, and import and destroy leave nothing.
func TestAccStateAndVMsAreLost(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	all := e.Config(records(e) + clusterHCL + leasedHCL() + gatewayHCL)
	imported := func(address, id string) resource.TestStep {
		return resource.TestStep{Config: all, ResourceName: address, ImportState: true, ImportStateId: id, ImportStatePersist: true}
	}
	running := imported("gantry_gateway.dc1", "dc1")
	running.ExpectError = acctest.Words("power its VMs off and import it again; powered on are: /dc-1/vm/gw/dc1-cp-1")
	balanced := imported("gantry_vmware_cluster.shop", "shop")
	balanced.PreConfig = func() { must(t, e.PowerOffVM("shop-lb")) }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: all},
			{Config: e.Config(forgotten())},
			running,
			{
				PreConfig: func() {
					must(t, e.DeleteVM("dc1-cp-1"))
					must(t, e.DeleteVM("prod-cp-1"))
					must(t, e.DeleteVM("shop-cp-1"))
				},
				Config: e.Config(look),
				ConfigStateChecks: found(
					[3]string{"cluster", "prod", `^It is registered, and vCenter shows no VM of it\. It holds addresses: ` +
						`10\.10\.183\.\d+ \([a-z0-9-]+\), .*\. Folders that were created for it: /dc-1/vm/k8s/prod\.$`},
					[3]string{"cluster", "shop", `^It is registered, and vCenter shows no VM of it but that of its load balancer, ` +
						`/dc-1/vm/k8s/shop/shop-lb\. Folders`},
					[3]string{"gateway", "dc1", `^It is registered, and vCenter shows no VM of it\. It holds addresses: 10\.10\.184\.`},
				),
			},
			imported("gantry_gateway.dc1", "dc1"),
			imported("gantry_vmware_cluster.prod", "prod"),
			balanced,
			imported("gantry_ip_pool.nodes", "nodes"),
			imported("gantry_cloud_account.team", "team"),
			{
				// With its configuration, what is left is replaced.
				Config:             all,
				PlanOnly:           true,
				ExpectNonEmptyPlan: true,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPreRefresh: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("gantry_gateway.dc1", plancheck.ResourceActionDestroyBeforeCreate),
					plancheck.ExpectResourceAction("gantry_vmware_cluster.prod", plancheck.ResourceActionDestroyBeforeCreate),
				}},
			},
			{Config: e.Config(records(e))},
		},
	})
	left, err := e.Ledger().Record(t.Context(), e.Ledger().ID(record.Ref{Kind: record.KindGateway, Name: "dc1"}))
	if err == nil {
		t.Errorf("left is %v", left)
	}
}
