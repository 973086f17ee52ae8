package enginecrud

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// datacenterPath is the attribute that names the datacenter.
func (r Rules) datacenterPath() path.Path {
	names := strings.Split(r.Datacenter, ".")
	at := path.Root(names[0])
	for _, name := range names[1:] {
		at = at.AtName(name)
	}
	return at
}

// movesDatacenter reports whether a plan names another datacenter than the one that the
// object is in. One that is not known yet counts as another.
func (d *Driver[T, M]) movesDatacenter(ctx context.Context, req resource.ModifyPlanRequest, prior M) (bool, diag.Diagnostics) {
	at := d.Rules.datacenterPath()
	var was, is types.String
	diags := req.State.GetAttribute(ctx, at, &was)
	diags.Append(req.Plan.GetAttribute(ctx, at, &is)...)
	switch {
	case diags.HasError(), !is.IsUnknown() && inventoryname.MayMatch(was.ValueString(), is.ValueString()):
		return false, diags
	case is.IsUnknown(), d.conn.Unconfigured():
		return true, diags
	}
	diags.Append(identify(ctx, prior, d.conn)...)
	target, more := prior.Target(ctx)
	diags.Append(more...)
	secrets, more := ReadSecrets(ctx, req.Private)
	diags.Append(more...)
	if diags.HasError() {
		return false, diags
	}
	eng, err := d.engine(ctx, nil, secrets)
	inside := false
	if err == nil {
		inside, err = eng.InDatacenter(ctx, target.Ref, is.ValueString())
	}
	if err != nil {
		diags.Append(diagnostics.AttributeError(at, "Unable to compare the datacenters", diagnostics.Detail(err)))
	}
	return !inside, diags
}
