package nodeimage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccNodeImageOfAnUnknownScript has a script that is known only in the apply: that is another image,
// or turns out to be the same one, which is not built anew.
func TestAccNodeImageOfAnUnknownScript(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	whole := func(input, output string) string {
		script := fmt.Sprintf(`[terraform_data.script.output == "x" ? "echo x" : %q]`, output)
		return strings.Replace(config(e, shape{}), `["echo one"]`, script, 1) + fmt.Sprintf(`
resource "terraform_data" "script" { input = %q }
`, input)
	}
	one := func(*terraform.State) error {
		if all := made(e); len(all) != 1 {
			return fmt.Errorf("made are %v", all)
		}
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: whole("a", "echo one"), Check: one},
			{Config: whole("x", "echo one"), ConfigPlanChecks: does(plancheck.ResourceActionReplace), Check: one},
			{Config: whole("x", "echo two"), PlanOnly: true},
			{Config: whole("y", "echo x"), ConfigPlanChecks: does(plancheck.ResourceActionReplace), Check: one},
		},
	})
}
