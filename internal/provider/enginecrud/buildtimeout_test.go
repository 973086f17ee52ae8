package enginecrud_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// TestCheckBuildTimeout warns of runs that end before the scripts of a build have had their time.
func TestCheckBuildTimeout(t *testing.T) {
	t.Parallel()
	builds := model.BuildImage{Image: model.Image{Template: "golden"}}
	for name, c := range map[string]struct {
		step   model.Step
		create string // empty: not set
		isNew  bool
		says   string
	}{
		"a creation by default": {builds, "", true, "may take 2h0m0s, and `timeouts.create` ends the run after 1h0m0s"},
		"an update":             {builds, "3h", false, "set `timeouts.update` to more than 2h0m0s, such as 3h0m0s"},
		"time enough":           {builds, "2h", true, ""},
		"no build":              {model.ImportImage{}, "", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value := types.StringNull()
			if c.create != "" {
				value = types.StringValue(c.create)
			}
			all := timeouts.Value{Object: types.ObjectValueMust(
				map[string]attr.Type{"create": types.StringType, "update": types.StringType},
				map[string]attr.Value{"create": value, "update": types.StringNull()},
			)}
			plan := &model.Plan{Stages: []model.Stage{{Steps: []model.Step{c.step}}}}
			diags := enginecrud.CheckBuildTimeout(t.Context(), plan, all, c.isNew)
			if c.says == "" && len(diags) > 0 || c.says != "" && (len(diags) != 1 || !strings.Contains(diags[0].Detail(), c.says)) {
				t.Errorf("says %v", diags)
			}
		})
	}
}
