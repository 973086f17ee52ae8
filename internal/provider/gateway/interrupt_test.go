package gateway_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccGatewayInterrupted stops the provider at calls all over an apply. Not
// at each of them: what died with a lock in its hands is waited out, and the
// engine's own tests stop at every call.
func TestAccGatewayInterrupted(t *testing.T) {
	t.Parallel()
	step := func(s shape) func(*acctest.Environment) resource.TestStep {
		return func(e *acctest.Environment) resource.TestStep { return resource.TestStep{Config: config(e, s)} }
	}
	before := func(e *acctest.Environment) []resource.TestStep { return []resource.TestStep{step(shape{})(e)} }
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		acctest.Interrupted{Every: 10, Step: step(shape{})}.Run(t)
	})
	t.Run("update", func(t *testing.T) {
		t.Parallel()
		acctest.Interrupted{Every: 4, Before: before, Step: step(shape{code: `pairing_code = "other"`})}.Run(t)
	})
	t.Run("destroy", func(t *testing.T) {
		t.Parallel()
		acctest.Interrupted{Every: 8, Before: before, Step: func(e *acctest.Environment) resource.TestStep {
			return resource.TestStep{Config: e.Config("")}
		}}.Run(t)
	})
}
