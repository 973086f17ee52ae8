package recordcrud

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// planDelete notes a deletion for what is planned after it, and warns of what depends
// on the record and has not been seen to be deleted in this run. It is a warning: what
// another configuration of the provider, or a plan after this one, deletes is not known
// here, and Delete checks again. What cannot be read is left to Delete as well, since a
// plan must not stand in the way of a destruction.
func (d *Driver[T, M]) planDelete(ctx context.Context, req resource.ModifyPlanRequest, m M) diag.Diagnostics {
	if d.conn.Unconfigured() {
		return nil
	}
	s, diags := d.open(ctx, "delete", m)
	own, more := crud.ReadIdentity(ctx, req.Private)
	if diags.HasError() || more.HasError() {
		return nil
	}
	recent := s.Recent()
	if mine, err := d.stillOwn(ctx, recent, s.ID, own); err != nil || !mine {
		return nil
	}
	d.conn.MarkDeleted(s.ID)
	children, err := recent.Children(ctx, s.ID)
	if err != nil {
		return nil
	}
	var users []string
	for _, child := range children {
		if !d.conn.Deleted(s.Ledger.ID(child)) {
			users = append(users, child.Describe())
		}
	}
	if d.Hooks.Users != nil {
		users = append(users, d.Hooks.Users(ctx, s, m)...)
	}
	if len(users) == 0 {
		return nil
	}
	return diag.Diagnostics{diagnostics.AttributeWarning(path.Root("name"), diagnostics.Title(s.Ref.Describe())+" is in use",
		fmt.Sprintf("%s: %s. Unless this run deletes them before, the apply leaves it as it is and ends with an error.",
			d.InUse, strings.Join(users, ", ")))}
}
