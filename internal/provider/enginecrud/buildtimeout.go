package enginecrud

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// CheckBuildTimeout warns where a plan builds an image and the run ends before the scripts of the build
// have had their time. Most builds are done in minutes, so that it is no error.
func CheckBuildTimeout(ctx context.Context, plan *model.Plan, t timeouts.Value, isNew bool) diag.Diagnostics {
	builds := func(step model.Step) bool {
		_, ok := step.(model.BuildImage)
		return ok
	}
	if !slices.ContainsFunc(plan.Steps(), builds) {
		return nil
	}
	name := "update"
	ends, diags := t.Update(ctx, DefaultUpdateTimeout)
	if isNew {
		name = "create"
		ends, diags = t.Create(ctx, DefaultCreateTimeout)
	}
	if diags.HasError() || ends >= bootstrap.ScriptsEndAfter {
		return nil // what is wrong with a timeout its own validator says
	}
	return diag.Diagnostics{diagnostics.AttributeWarning(path.Root("timeouts"), "The run may end before the image is built", fmt.Sprintf(
		"The scripts of `build` may take %s, and `timeouts.%s` ends the run after %s: a build that is not done by then is given up, and "+
			"begins anew with the next apply. If they may take that long, set `timeouts.%[2]s` to more than %[1]s, such as %[4]s.",
		bootstrap.ScriptsEndAfter, name, ends, bootstrap.ScriptsEndAfter+time.Hour))}
}
