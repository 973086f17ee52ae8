package vmwarecluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// loggingIn is a cluster of one node whose images are behind a login. The password is an
// expression.
func loggingIn(e *acctest.Environment, password string, version int) string {
	return config(e, shape{controlPlane: 1, extra: fmt.Sprintf(`registry = {
    mirrors = {
      "registry.k8s.io" = ["https://harbor.example.com"]
      "ghcr.io"         = ["https://harbor.example.com/v2/ghcr"]
    }
    username            = "robot"
    password_wo         = %s
    password_wo_version = %d
  }`, password, version)})
}

// TestAccClusterLogsInToRegistries creates a cluster with a password that no state and no plan
// has, and changes it: its version rolls the nodes, also where the password is known in the apply
// alone.
func TestAccClusterLogsInToRegistries(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	rotated := func(password string) func() {
		return func() {
			env.SetRegistry("harbor.example.com", guest.Registry{Username: "robot", Password: password, Tokens: true})
		}
	}
	login := tfjsonpath.New("registry")
	nowhere := func(s *terraform.State) error {
		if text := s.RootModule().String(); strings.Contains(text, "-in-registries") {
			return fmt.Errorf("the state has the password of registries: %s", text)
		}
		return nil
	}
	later := `
resource "terraform_data" "password" {
  input = "second-in-registries"
}
`
	action := func(name string) knownvalue.Check {
		return knownvalue.ObjectPartial(map[string]knownvalue.Check{"action": knownvalue.StringExact(name)})
	}
	rolls := knownvalue.ListExact([]knownvalue.Check{action("snapshot_etcd"), action("create_node"), action("delete_node")})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				PreConfig:   rotated("first-in-registries"),
				Config:      loggingIn(env, `"another-in-registries"`, 1),
				ExpectError: acctest.Words("401 Unauthorized"),
			},
			{
				Config: loggingIn(env, `"first-in-registries"`, 1),
				Check:  nowhere,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(cluster, login.AtMapKey("password_wo"), knownvalue.Null()),
					statecheck.ExpectKnownValue(cluster, login.AtMapKey("username"), knownvalue.StringExact("robot")),
				},
			},
			{
				PreConfig: rotated("second-in-registries"),
				Config:    loggingIn(env, `"second-in-registries"`, 1),
				PlanOnly:  true,
			},
			{
				Config:      loggingIn(env, "null", 2),
				PlanOnly:    true,
				ExpectError: acctest.Words(`"registry.password_wo" must be specified`),
			},
			{
				Config: loggingIn(env, `terraform_data.password.output`, 2) + later,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate),
					plancheck.ExpectKnownValue(cluster, tfjsonpath.New("planned_changes"), rolls),
				}},
			},
		},
	})
}
