package vmwarecluster_test

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
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// readmeConfig is the configuration that README.md shows, completed as it says.
func readmeConfig(t *testing.T, e *acctest.Environment) string {
	t.Helper()
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```hcl\n")
	shown, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("README.md shows no configuration")
	}
	network, err := filepath.Abs("../../../examples/complete/manifests/cni.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown = strings.Replace(shown, `file("cni.yaml")`, fmt.Sprintf("file(%q)", network), 1)
	shown = strings.Replace(shown, "var.vcenter_password", "var.vcenter_password\n  insecure_skip_verify = true", 1)
	for name, value := range map[string]string{
		"vcenter_server": e.Server(), "vcenter_username": e.Username(), "vcenter_password": e.Password(),
	} {
		shown += fmt.Sprintf("\nvariable %q { default = %q }\n", name, value)
	}
	return e.Config(shown)
}

// What the README shows ends in Ready nodes.
func TestAccReadme(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	ready := map[string]knownvalue.Check{}
	for _, name := range []string{"cp-1", "cp-2", "cp-3", "general-1", "general-2", "general-3"} {
		ready["prod-1-"+name] = knownvalue.ObjectPartial(map[string]knownvalue.Check{"ready": knownvalue.Bool(true)})
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{{
			Config: readmeConfig(t, e),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{
				isState("Running"),
				statecheck.ExpectKnownValue(cluster, tfjsonpath.New("health"), knownvalue.StringExact("Healthy")),
				statecheck.ExpectKnownValue(cluster, tfjsonpath.New("nodes"), knownvalue.MapExact(ready)),
			},
		}},
	})
}
