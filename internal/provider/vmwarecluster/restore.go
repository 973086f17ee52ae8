package vmwarecluster

import (
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// checkAuthorities refuses the plan of a new cluster that is to be restored, and whose
// certificate authorities are not at hand.
func checkAuthorities(planned *model) diag.Diagnostics {
	if !planned.Restores() {
		return nil
	}
	if _, err := enginecrud.RestoredAuthorities(); err != nil {
		return diag.Diagnostics{diagnostics.AttributeError(path.Root("restore_from_snapshot"), "Certificate authorities missing",
			"Unable to plan the restore: "+err.Error()+".")}
	}
	return nil
}
