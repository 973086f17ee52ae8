package cloudaccount_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccAccountCreatesFirst asks for a successor before an account is destroyed: under
// another name it works, under its own nothing is touched.
func TestAccAccountCreatesFirst(t *testing.T) {
	t.Parallel()
	env := start(t)
	named := func(name string) string {
		return env.Config(fmt.Sprintf(`
resource "gantry_cloud_account" "team_a" {
  name           = %q
  vcenter_server = %q
  %s
  lifecycle {
    create_before_destroy = true
  }
}
`, name, env.Server(), login(user, password)))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: named("team-a")},
			{Config: named("team-a"), Taint: []string{account}, ExpectError: acctest.Words(`Cloud account "team-a" exists`)},
			{Config: named("team-b")},
			{Config: named("team-b"), PlanOnly: true},
		},
	})
}
