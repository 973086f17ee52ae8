package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/importdata"
)

// inside runs a check with the API of the gateway's cluster.
func inside(e *acctest.Environment, check func(context.Context, kubernetes.Interface) error) resource.TestCheckFunc {
	return func(s *terraform.State) error {
		config, err := clientcmd.RESTConfigFromKubeConfig([]byte(s.RootModule().Resources[gateway].Primary.Attributes["kubeconfig"]))
		if err != nil {
			return err
		}
		proxy, err := url.Parse(e.ProxyURL())
		if err != nil {
			return err
		}
		config.Proxy = http.ProxyURL(proxy)
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		return check(context.Background(), client)
	}
}

// token expects the token that the agent has.
func token(e *acctest.Environment, want string) resource.TestCheckFunc {
	return inside(e, func(ctx context.Context, client kubernetes.Interface) error {
		secrets, err := client.CoreV1().Secrets(agent.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, s := range secrets.Items {
			if got, ok := s.Data["TFC_AGENT_TOKEN"]; ok {
				if string(got) != want {
					return fmt.Errorf("the agent's token is %q, want %q", got, want)
				}
				return nil
			}
		}
		return fmt.Errorf("none of the %d Secrets holds the agent's token", len(secrets.Items))
	})
}

// storesNot expects that the import data in the cluster has no such text.
func storesNot(e *acctest.Environment, text string) resource.TestCheckFunc {
	return inside(e, func(ctx context.Context, client kubernetes.Interface) error {
		stored, err := client.CoreV1().Secrets("kube-system").Get(ctx, model.SecretCluster, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(stored.Data[importdata.ConfigKey]) == 0 {
			return fmt.Errorf("the Secret %s holds no configuration", stored.Name)
		}
		for key, value := range stored.Data {
			if bytes.Contains(value, []byte(text)) {
				return fmt.Errorf("%s of the Secret %s holds %q", key, stored.Name, text)
			}
		}
		return nil
	})
}

// cordon keeps new pods from the gateway's nodes, or lets them in again.
func cordon(e *acctest.Environment, closed bool) resource.TestCheckFunc {
	return inside(e, func(ctx context.Context, client kubernetes.Interface) error {
		patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, closed)
		_, err := client.CoreV1().Nodes().Patch(ctx, "dc1-cp-1", types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}

func TestAccGatewayWriteOnlyCode(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	code := func(token string, version int) string {
		return fmt.Sprintf("pairing_code_wo = %q\n  pairing_code_wo_version = %d", token, version)
	}
	empty := []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	update := plans(plancheck.ResourceActionUpdate, "apply_pack", "agent")
	update.PostApplyPostRefresh = empty
	running := []statecheck.StateCheck{has("state", knownvalue.StringExact("Running")), has("pairing_code_wo", knownvalue.Null())}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:            config(e, shape{code: code("one", 1)}),
				ConfigPlanChecks:  resource.ConfigPlanChecks{PostApplyPostRefresh: empty},
				ConfigStateChecks: running, Check: token(e, "one"),
			},
			{
				// The version says that there is a new token.
				Config:           config(e, shape{code: code("two", 1)}),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: empty}, Check: token(e, "one"),
			},
			{
				Config:           config(e, shape{code: code("two", 2)}),
				ConfigPlanChecks: update, ConfigStateChecks: running, Check: token(e, "two"),
			},
			{
				// Another change of the agent sends the token, too.
				Config:           config(e, shape{code: code("three", 2), extra: `agent_image = "registry.example.com/tfc-agent:2"`}),
				ConfigPlanChecks: update, ConfigStateChecks: running, Check: token(e, "three"),
			},
			{
				Config:           config(e, shape{code: `pairing_code = "a \"four\": 'x' $(HOME)"`}),
				ConfigPlanChecks: update,
				Check:            resource.ComposeTestCheckFunc(token(e, `a "four": 'x' $(HOME)`), storesNot(e, "$(HOME)")),
			},
		},
	})
}

// TestAccGatewayAgentStaysDown has the agent not come up: the error says what to
// check, the gateway is Degraded, and the next apply repairs it.
func TestAccGatewayAgentStaysDown(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	newer := shape{extra: "agent_image = \"registry.example.com/tfc-agent:2\"\n  registration_timeout = \"2s\""}
	code := func(token string) shape {
		return shape{code: fmt.Sprintf("pairing_code = %q", token), extra: newer.extra}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{}), Check: cordon(e, true)},
			{
				Config:      config(e, newer),
				ExpectError: acctest.Words("No node takes the agent. Check the gateway's nodes"),
			},
			{
				RefreshState: true, ExpectNonEmptyPlan: true,
				Check: resource.ComposeTestCheckFunc(resource.TestCheckResourceAttr(gateway, "state", "Degraded"), cordon(e, false)),
			},
			{
				Config:            config(e, newer),
				ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate, "apply_pack", "agent"),
				ConfigStateChecks: []statecheck.StateCheck{has("state", knownvalue.StringExact("Running"))},
			},
			{
				// The agent that runs stays until the new one has registered: that it serves
				// says nothing of the new code.
				Config:      config(e, code("refused-by-the-console")),
				ExpectError: acctest.Words("The console refuses the pairing code"),
			},
			{
				Config:            config(e, code("another")),
				ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate, "apply_pack", "agent"),
				ConfigStateChecks: []statecheck.StateCheck{has("state", knownvalue.StringExact("Running"))},
				Check:             token(e, "another"),
			},
		},
	})
}

// TestAccGatewayServesCluster builds a cluster on a gateway's account and IP pool, in
// one apply.
func TestAccGatewayServesCluster(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	proxied := `
  proxy = { http = "http://10.0.0.9:3128", https = "http://10.0.0.9:3128", no_proxy = ".example.com" }`
	plain := config(e, shape{extra: proxied})
	both := plain + `
resource "gantry_vmware_cluster" "team" {
  name          = "team"
  cloud_account = gantry_gateway.dc1.default_cloud_account
  profile       = { kubernetes_version = "1.37.2", image = { template = "gantry-node-1.37.2" } }
  datacenter    = "dc-1"
  network       = { ip_allocation = "static" }
  control_plane = {
    node_count = 1
    cpu        = 2
    memory_gb  = 4
    placements = [{
      compute_cluster = "cluster-a"
      datastore       = "shared-1"
      network         = "dvpg-nodes"
      ip_pool_id      = gantry_gateway.dc1.ip_pool_id
    }]
  }
}
`
	const cluster, there = "gantry_vmware_cluster.team", "data.gantry_gateway.dc1"
	var lease *ledger.Lease
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: both,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectKnownValue(gateway, at("planned_changes"), changes(created...))},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(cluster, at("state"), knownvalue.StringExact("Running")),
					statecheck.ExpectKnownValue(cluster, at("proxy"), knownvalue.Null()),
					statecheck.ExpectKnownValue(cluster, at("gateway_proxy"), knownvalue.ObjectExact(map[string]knownvalue.Check{
						"http": knownvalue.StringExact("http://10.0.0.9:3128"), "https": knownvalue.StringExact("http://10.0.0.9:3128"),
						"no_proxy": knownvalue.StringExact(".example.com"),
					})),
					has("state", knownvalue.StringExact("Running")),
				},
			},
			{
				// A change of the gateway does not reach its cluster. Others look both up.
				Config: config(e, shape{extra: `agent_image = "registry.example.com/tfc-agent:2"` + proxied}) + both[len(plain):] + `
data "gantry_gateway" "dc1" {
  name = "dc1"
}
data "gantry_vmware_cluster" "team" {
  name       = "team"
  gateway_id = data.gantry_gateway.dc1.default_cloud_account.gateway_id
}
`,
				ConfigStateChecks: lookedUp(e),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(gateway, plancheck.ResourceActionUpdate),
					plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionNoop),
				}},
			},
			{
				// A run of another workspace has begun to work on it.
				PreConfig: func() {
					l := e.Ledger()
					var err error
					if lease, err = l.Lock(t.Context(), l.ID(gatewayRef), "laptop pid 42"); err != nil {
						t.Error(err)
					}
				},
				RefreshState: true,
				Check: resource.ComposeTestCheckFunc(
					func(*terraform.State) error { return lease.Release(context.Background()) },
					resource.TestCheckResourceAttr(there, "state", "Updating"),
					resource.TestMatchResourceAttr(there, "locked_by", regexp.MustCompile(`^laptop pid 42 since `)),
				),
			},
		},
	})
}

// lookedUp expects what the data sources say of the gateway and its cluster.
func lookedUp(e *acctest.Environment) []statecheck.StateCheck {
	const there, team = "data.gantry_gateway.dc1", "data.gantry_vmware_cluster.team"
	l := e.Ledger()
	id := l.ID(gatewayRef)
	pool := l.ID(record.Ref{Kind: record.KindIPPool, GatewayID: id, Name: "dc1-nodes"})
	text := knownvalue.StringExact
	is := statecheck.ExpectKnownValue
	node := func(name, role string) knownvalue.Check {
		return knownvalue.MapExact(map[string]knownvalue.Check{name: knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"role": text(role), "pool": text("cp"), "compute_cluster": text("cluster-a"),
			"address": knownvalue.NotNull(), "vm_id": knownvalue.NotNull(),
		})})
	}
	return []statecheck.StateCheck{
		is(there, at("id"), text(id.String())), is(there, at("state"), text("Running")), is(there, at("locked_by"), knownvalue.Null()),
		is(there, at("node_count"), knownvalue.Int64Exact(1)), is(there, at("ip_pool_id"), text(pool.String())),
		is(there, at("nodes"), node("dc1-cp-1", "control-plane")),
		is(there, at("default_cloud_account"), knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"gateway_id": text(id.String()), "username": text(e.Username()), "password": knownvalue.Null(),
		})),
		statecheck.CompareValuePairs(there, at("control_plane_endpoint"), gateway, at("control_plane_endpoint"), compare.ValuesSame()),
		statecheck.CompareValuePairs(team, at("id"), "gantry_vmware_cluster.team", at("id"), compare.ValuesSame()),
		statecheck.CompareValuePairs(team, at("control_plane_endpoint"),
			"gantry_vmware_cluster.team", at("control_plane_endpoint"), compare.ValuesSame()),
		is(team, at("state"), text("Running")), is(team, at("nodes"), node("team-cp-1", "control-plane")),
	}
}

// TestAccGatewayOnExistingPool uses an IP pool that is a resource of its own.
func TestAccGatewayOnExistingPool(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	own := regexp.MustCompile(`(?s)  ip_pool = \{.*?\n  \}\n`)
	text := own.ReplaceAllString(config(e, shape{}), "  ip_pool_id = gantry_ip_pool.nodes.id\n") + `
resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.20" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
}
`
	pool := knownvalue.StringExact(e.Ledger().ID(record.Ref{Kind: record.KindIPPool, Name: "nodes"}).String())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: text,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectKnownValue(gateway, at("ip_pool_id"), pool),
						plancheck.ExpectKnownValue(gateway, at("planned_changes"), changes(slices.Concat(created[:2], created[4:])...)),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					has("ip_pool_id", pool), has("state", knownvalue.StringExact("Running")),
					has("planned_changes", changes(slices.Concat(created[:2], created[4:])...)),
				},
			},
		},
	})
}
