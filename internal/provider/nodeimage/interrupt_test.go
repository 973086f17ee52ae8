package nodeimage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccNodeImageInterruptedCreate stops the provider in a creation, and goes on.
func TestAccNodeImageInterruptedCreate(t *testing.T) {
	t.Parallel()
	acctest.Interrupted{
		Before: func(e *acctest.Environment) []resource.TestStep { return []resource.TestStep{{Config: e.Config(pool)}} },
		Step:   func(e *acctest.Environment) resource.TestStep { return resource.TestStep{Config: config(e, shape{})} },
		Every:  20,
	}.Run(t)
}

// TestAccNodeImageInterruptedDelete does so with a destruction.
func TestAccNodeImageInterruptedDelete(t *testing.T) {
	t.Parallel()
	acctest.Interrupted{
		Before: func(e *acctest.Environment) []resource.TestStep {
			return []resource.TestStep{{Config: config(e, shape{})}}
		},
		Step:  func(e *acctest.Environment) resource.TestStep { return resource.TestStep{Config: e.Config(pool)} },
		Every: 6,
		// A lock that could not be given back at the very end is left, which does no harm.
		CheckDestroy: func(e *acctest.Environment) resource.TestCheckFunc {
			return func(*terraform.State) error {
				left := e.Leftovers()
				left.Tags = slices.DeleteFunc(left.Tags, func(name string) bool { return name == "!gantry" || strings.Contains(name, "#") })
				if !left.Empty() {
					return fmt.Errorf("left behind: %+v", left)
				}
				return nil
			}
		},
	}.Run(t)
}
