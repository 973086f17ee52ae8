package addresspool

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

// inUse reports what is in use and in the way of a change: addresses that the
// pool would lose, and several clusters in a pool that is to be restricted to a
// single one. Where one cluster alone holds addresses of a pool that is to be
// restricted, it answers its id.
func (c *Change) inUse(ctx context.Context) (uuid.UUID, diag.Diagnostics) {
	restrict := c.Planned.RestrictToSingleCluster.ValueBool() && !c.Prior.RestrictToSingleCluster.ValueBool()
	if c.Planned.SameAddresses(c.Prior) && !restrict {
		return uuid.Nil, nil
	}
	before, diags := c.Prior.in(ctx, c)
	after, d := c.Planned.in(ctx, c)
	diags.Append(d...)
	if diags.HasError() {
		return uuid.Nil, diags
	}
	taken, err := c.Ledger.Snapshot(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("update", c.thing(), err))
		return uuid.Nil, diags
	}
	holder := uuid.Nil
	if restrict {
		var d diag.Diagnostics
		holder, d = c.onlyCluster(ctx, before, taken)
		diags.Append(d...)
	}
	lost := slices.DeleteFunc(taken.Addresses(before), func(a netip.Addr) bool {
		// What the pool could not issue before either is not lost by the change.
		return after.Issuable(a) || !before.Issuable(a)
	})
	if len(lost) > 0 {
		diags.AddAttributeError(c.At.AtName(c.Planned.Changed(c.Prior)), "The change takes addresses in use out of the IP pool", fmt.Sprintf(
			"An address in use stays in its pool. Keep these, or delete what holds them first: %s.",
			Holders(ctx, c.Ledger, before, lost)))
	}
	return holder, diags
}

// in is the ledger's pool of a model whose values are known.
func (m *Model) in(ctx context.Context, c *Change) (ledger.IPPool, diag.Diagnostics) {
	body, diags := m.Body(ctx, c.Name)
	if diags.HasError() {
		return ledger.IPPool{}, diags
	}
	p, err := ledger.NewIPPool(c.ID, body)
	if err != nil {
		_, d := m.Arithmetic(ctx, c.At) // which names the attribute
		diags.Append(d...)
	}
	return p, diags
}

// onlyCluster is the id of the one cluster that holds addresses of a pool; empty
// where none does. Several, or one that is not known, are an error.
func (c *Change) onlyCluster(ctx context.Context, pool ledger.IPPool, taken *ledger.Snapshot) (uuid.UUID, diag.Diagnostics) {
	var diags diag.Diagnostics
	allocations, err := c.Ledger.Allocations(ctx, pool, taken)
	if err != nil {
		diags.Append(diagnostics.FromError("tell who holds addresses of", c.thing(), err))
		return uuid.Nil, diags
	}
	first := map[uuid.UUID]ledger.Allocation{}
	count := map[uuid.UUID]int{}
	for _, a := range allocations {
		cluster := a.Owner.Cluster
		if count[cluster]++; count[cluster] == 1 {
			first[cluster] = a
		}
	}
	var clusters []uuid.UUID
	var words []string
	for cluster, a := range first {
		clusters = append(clusters, cluster)
		who := fmt.Sprintf("cluster %s", cluster)
		if cluster == ledger.UnknownCluster {
			who = "somebody whose name in the claim cannot be read"
		}
		words = append(words, fmt.Sprintf("%s (%d, such as %s of %s)", who, count[cluster], a.Address, nodeWords(a.Owner)))
	}
	if len(clusters) == 0 {
		return uuid.Nil, diags
	}
	if len(clusters) == 1 && clusters[0] != ledger.UnknownCluster {
		return clusters[0], diags
	}
	slices.Sort(words)
	diags.AddAttributeError(c.At.AtName("restrict_to_single_cluster"), "The IP pool is in use by more than one cluster", fmt.Sprintf(
		"%s cannot be left to a single cluster as long as others hold addresses of it: %s. Delete all but one first.",
		diagnostics.Title(c.thing()), strings.Join(words, ", ")))
	return uuid.Nil, diags
}

func nodeWords(owner ledger.Owner) string {
	if owner.Node == "" {
		return "an unknown node"
	}
	return owner.Node
}

// Holders names who holds addresses, up to maxNamed of them. An address whose
// holder can't be read is named without: the error that this is for stands.
func Holders(ctx context.Context, l *ledger.Ledger, pool ledger.IPPool, addresses []netip.Addr) string {
	var parts []string
	for i, a := range addresses {
		if i == maxNamed {
			parts = append(parts, fmt.Sprintf("and %d more", len(addresses)-i))
			break
		}
		part := a.String()
		if owner, err := l.Holder(ctx, pool.ID, a); err == nil && owner.Known() {
			part += fmt.Sprintf(" (%s of cluster %s)", owner.Node, owner.Cluster)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
