package ippoolspec

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// maxNamed is how many holders an error names; each costs a call.
const maxNamed = 10

// checkInUse refuses a change that would remove addresses in use, and one that
// restricts a pool which several clusters use. It returns the one cluster that uses
// a pool which is to be restricted.
func (c *Change) checkInUse(ctx context.Context) (uuid.UUID, diag.Diagnostics) {
	restrict := c.Planned.RestrictToSingleCluster.ValueBool() && !c.Prior.RestrictToSingleCluster.ValueBool()
	if c.Planned.SameAddresses(c.Prior) && !restrict {
		return uuid.Nil, nil
	}
	before, diags := c.ledgerPool(ctx, c.Prior)
	after, more := c.ledgerPool(ctx, c.Planned)
	diags.Append(more...)
	if diags.HasError() {
		return uuid.Nil, diags
	}
	snapshot, err := c.Ledger.Snapshot(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("update", c.subject(), err))
		return uuid.Nil, diags
	}

	holder := uuid.Nil
	if restrict {
		holder, more = c.onlyCluster(ctx, before, snapshot)
		diags.Append(more...)
	}
	lost := slices.DeleteFunc(snapshot.Addresses(before), func(a netip.Addr) bool {
		// What the pool could not issue before either is not lost by the change.
		return after.Issuable(a) || !before.Issuable(a)
	})
	if len(lost) > 0 {
		diags.Append(diagnostics.AttributeError(c.At.AtName(c.Planned.Changed(c.Prior)), "Addresses in use would be removed", fmt.Sprintf(
			"An address in use stays in its pool. Keep these, or delete what holds them first: %s.",
			Holders(ctx, c.Ledger, before, lost))))
	}
	return holder, diags
}

// ledgerPool is the ledger's pool of a model whose values are known.
func (c *Change) ledgerPool(ctx context.Context, m *Model) (ledger.IPPool, diag.Diagnostics) {
	body, diags := m.Record(ctx, c.Ref.Name)
	if diags.HasError() {
		return ledger.IPPool{}, diags
	}
	pool, err := ledger.NewIPPool(c.ID, body)
	if err != nil {
		_, more := m.Arithmetic(ctx, c.At) // which names the attribute
		diags.Append(more...)
	}
	return pool, diags
}

// onlyCluster is the one cluster that holds addresses of a pool; uuid.Nil where
// none does. Several, or one that cannot be read, are an error.
func (c *Change) onlyCluster(ctx context.Context, pool ledger.IPPool, snapshot *ledger.Snapshot) (uuid.UUID, diag.Diagnostics) {
	allocations, err := c.Ledger.Allocations(ctx, pool, snapshot)
	if err != nil {
		return uuid.Nil, diag.Diagnostics{diagnostics.FromError("find the holders of addresses of", c.subject(), err)}
	}
	byCluster := map[uuid.UUID][]ledger.Allocation{}
	for _, a := range allocations {
		byCluster[a.Owner.Cluster] = append(byCluster[a.Owner.Cluster], a)
	}
	if len(byCluster) == 0 {
		return uuid.Nil, nil
	}

	var words []string
	for cluster, held := range byCluster {
		if len(byCluster) == 1 && cluster != ledger.UnknownCluster {
			return cluster, nil
		}
		words = append(words, describeHolder(cluster, held))
	}
	slices.Sort(words)
	return uuid.Nil, diag.Diagnostics{diagnostics.AttributeError(c.At.AtName("restrict_to_single_cluster"),
		"IP pool in use by more than one cluster", fmt.Sprintf(
			"%s cannot be restricted to a single cluster while others hold addresses of it: %s. Delete all but one first.",
			diagnostics.Title(c.subject()), strings.Join(words, ", ")))}
}

// describeHolder names a cluster and the first of the addresses that it holds.
func describeHolder(cluster uuid.UUID, held []ledger.Allocation) string {
	if cluster == ledger.UnknownCluster {
		return fmt.Sprintf("an unknown cluster, whose claim cannot be read (%d, such as %s)", len(held), held[0].Address)
	}
	return fmt.Sprintf("cluster %s (%d, such as %s of %s)", cluster, len(held), held[0].Address, held[0].Owner.Node)
}

// Holders names who holds addresses, up to maxNamed of them. One whose holder
// cannot be read is named without: the error that this is a part of stands.
func Holders(ctx context.Context, l *ledger.Ledger, pool ledger.IPPool, addresses []netip.Addr) string {
	return strings.Join(HoldersBut(ctx, l, pool, addresses, func(uuid.UUID) bool { return false }), ", ")
}

// HoldersBut is Holders without the clusters that leaving reports. Where those hold the
// first maxNamed addresses, it does not look at the others.
func HoldersBut(
	ctx context.Context, l *ledger.Ledger, pool ledger.IPPool, addresses []netip.Addr, leaving func(uuid.UUID) bool,
) []string {
	var parts []string
	for _, a := range addresses[:min(maxNamed, len(addresses))] {
		owner, err := l.Holder(ctx, pool.ID, a)
		known := err == nil && owner.Known()
		switch {
		case known && leaving(owner.Cluster):
		case known:
			parts = append(parts, fmt.Sprintf("%s (%s of cluster %s)", a, owner.Node, owner.Cluster))
		default:
			parts = append(parts, a.String())
		}
	}
	if more := len(addresses) - maxNamed; more > 0 && len(parts) > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return parts
}
