package ippoolspec

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Advise warns of what may be meant, and may be a mistake: a router outside the network
// of the addresses. It reports nothing where the pool is invalid or not known yet.
func (m *Model) Advise(ctx context.Context, at path.Path) diag.Diagnostics {
	if !m.Known(ctx) || m.validateShape(at) != nil {
		return nil
	}
	pool, diags := m.Arithmetic(ctx, at)
	if diags.HasError() || !pool.GatewayOutside() {
		return nil
	}
	return diag.Diagnostics{diagnostics.AttributeWarning(at.AtName("default_gateway"), "Router outside the network of the pool", fmt.Sprintf(
		"%s is outside the network of the pool, %s, whose routers lie in the range %s. Nodes take it to be on their own segment. "+
			"If it is not, they reach nothing: correct default_gateway or prefix_length.", pool.Gateway, pool.Prefix, pool.Hosts()))}
}
