package ippool

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// maxNamed is how many holders an error names; each costs a call.
const maxNamed = 10

// pool is the ledger's pool of a model whose id and values are known.
func (m *model) pool(ctx context.Context, l *ledger.Ledger) (ledger.Pool, diag.Diagnostics) {
	addresses, diags := m.arithmetic(ctx)
	return ledger.Pool{
		ID:            m.key().ID(l),
		Name:          m.Name.ValueString(),
		Pool:          addresses,
		SingleCluster: m.RestrictToSingleCluster.ValueBool(),
	}, diags
}

// readUsage counts the addresses in use: one call, and one more for a pool
// that is restricted to a single cluster.
func (m *model) readUsage(ctx context.Context, l *ledger.Ledger) error {
	pool, diags := m.pool(ctx, l)
	if diags.HasError() {
		return fmt.Errorf("%s: %s", diags[0].Summary(), diags[0].Detail())
	}
	taken, err := l.Taken(ctx)
	if err != nil {
		return err
	}
	u := usage{allocated: taken.Count(pool), available: taken.Free(pool)}
	if pool.SingleCluster {
		u.reservedBy, _, err = l.Reservation(ctx, pool.ID)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
	}
	m.setUsage(pool.Total(), u)
	return nil
}

// checkInUse reports what is in use and in the way of a change: addresses that
// the pool would lose, and any address of a pool that is to be restricted to a
// single cluster.
func checkInUse(ctx context.Context, l *ledger.Ledger, state, plan *model) diag.Diagnostics {
	restrict := plan.RestrictToSingleCluster.ValueBool() && !state.RestrictToSingleCluster.ValueBool()
	if plan.SameAddresses(&state.Model) && !restrict {
		return nil
	}
	before, diags := state.pool(ctx, l)
	after, d := plan.pool(ctx, l)
	diags.Append(d...)
	if diags.HasError() {
		return diags
	}
	taken, err := l.Taken(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("update", plan.thing(), err))
		return diags
	}
	inUse := taken.Addresses(before)
	if restrict && len(inUse) > 0 {
		diags.AddAttributeError(path.Root("restrict_to_single_cluster"), "The IP pool is in use", fmt.Sprintf(
			"%s can be restricted to a single cluster while none of its addresses is in use: who holds them could have been several. In use: %s.",
			diagnostics.Title(plan.thing()), holders(ctx, l, before, inUse)))
	}
	lost := slices.DeleteFunc(slices.Clone(inUse), func(a netip.Addr) bool {
		// What the pool could not issue before either is not lost by the change.
		return after.Issuable(a) || !before.Issuable(a)
	})
	if len(lost) > 0 {
		diags.AddAttributeError(attributeAtFault(state, plan), "The change takes addresses in use out of the IP pool", fmt.Sprintf(
			"An address in use stays in its pool. Keep these, or delete what holds them first: %s.",
			holders(ctx, l, before, lost)))
	}
	return diags
}

// attributeAtFault is the attribute whose change takes addresses out.
func attributeAtFault(state, plan *model) path.Path {
	switch {
	case !state.Range.Equal(plan.Range):
		return path.Root("range")
	case !state.DefaultGateway.Equal(plan.DefaultGateway):
		return path.Root("default_gateway")
	}
	return path.Root("prefix_length")
}

// checkUnused reports the addresses of a pool that are in use.
func checkUnused(ctx context.Context, l *ledger.Ledger, m *model) diag.Diagnostics {
	pool, diags := m.pool(ctx, l)
	if diags.HasError() {
		return diags
	}
	taken, err := l.Taken(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("delete", m.thing(), err))
		return diags
	}
	if inUse := taken.Addresses(pool); len(inUse) > 0 {
		diags.AddError("Unable to delete "+m.thing(), fmt.Sprintf(
			"%d of its addresses are in use. Delete the clusters and gateways that hold them first: %s.",
			len(inUse), holders(ctx, l, pool, inUse)))
	}
	return diags
}

// holders names who holds addresses, up to maxNamed of them. An address whose
// holder can't be read is named without: the error that this is for stands.
func holders(ctx context.Context, l *ledger.Ledger, pool ledger.Pool, addresses []netip.Addr) string {
	var parts []string
	for i, a := range addresses {
		if i == maxNamed {
			parts = append(parts, fmt.Sprintf("and %d more", len(addresses)-i))
			break
		}
		part := a.String()
		if owner, err := l.Holder(ctx, pool.ID, a); err == nil && owner.Cluster != "" {
			part += fmt.Sprintf(" (%s of cluster %s)", owner.Node, owner.Cluster)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
