package ippool

import (
	"context"
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

// checkInUse reports what is in use and in the way of a change: addresses that
// the pool would lose, and several clusters in a pool that is to be restricted
// to a single one. Where one cluster alone holds addresses of a pool that is to
// be restricted, it answers its id.
func checkInUse(ctx context.Context, l *ledger.Ledger, state, plan *model) (string, diag.Diagnostics) {
	restrict := plan.RestrictToSingleCluster.ValueBool() && !state.RestrictToSingleCluster.ValueBool()
	if plan.SameAddresses(&state.Model) && !restrict {
		return "", nil
	}
	before, diags := state.in(ctx, l)
	after, d := plan.in(ctx, l)
	diags.Append(d...)
	if diags.HasError() {
		return "", diags
	}
	taken, err := l.Taken(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("update", plan.thing(), err))
		return "", diags
	}
	holder := ""
	if restrict {
		var d diag.Diagnostics
		holder, d = onlyCluster(ctx, l, before, taken, plan.thing())
		diags.Append(d...)
	}
	lost := slices.DeleteFunc(taken.Addresses(before), func(a netip.Addr) bool {
		// What the pool could not issue before either is not lost by the change.
		return after.Issuable(a) || !before.Issuable(a)
	})
	if len(lost) > 0 {
		diags.AddAttributeError(path.Root(plan.Changed(&state.Model)), "The change takes addresses in use out of the IP pool", fmt.Sprintf(
			"An address in use stays in its pool. Keep these, or delete what holds them first: %s.",
			holders(ctx, l, before, lost)))
	}
	return holder, diags
}

// onlyCluster is the id of the one cluster that holds addresses of a pool; empty
// where none does. Several, or one that is not known, are an error.
func onlyCluster(ctx context.Context, l *ledger.Ledger, pool ledger.Pool, taken *ledger.Snapshot, thing string) (string, diag.Diagnostics) {
	var diags diag.Diagnostics
	allocations, err := l.Allocations(ctx, pool, taken)
	if err != nil {
		diags.Append(diagnostics.FromError("tell who holds addresses of", thing, err))
		return "", diags
	}
	first := map[string]ledger.Allocation{}
	count := map[string]int{}
	for _, a := range allocations {
		cluster := a.Owner.Cluster
		if count[cluster]++; count[cluster] == 1 {
			first[cluster] = a
		}
	}
	var clusters, words []string
	for cluster, a := range first {
		clusters = append(clusters, cluster)
		who := fmt.Sprintf("cluster %s", cluster)
		if cluster == "" {
			who = "somebody whose name in the claim cannot be read"
		}
		words = append(words, fmt.Sprintf("%s (%d, such as %s of %s)", who, count[cluster], a.Address, nodeWords(a.Owner)))
	}
	if len(clusters) == 0 {
		return "", diags
	}
	if len(clusters) == 1 && clusters[0] != "" {
		return clusters[0], diags
	}
	slices.Sort(words)
	diags.AddAttributeError(path.Root("restrict_to_single_cluster"), "The IP pool is in use by more than one cluster", fmt.Sprintf(
		"%s cannot be left to a single cluster as long as others hold addresses of it: %s. Delete all but one first.",
		diagnostics.Title(thing), strings.Join(words, ", ")))
	return "", diags
}

func nodeWords(owner ledger.Owner) string {
	if owner.Node == "" {
		return "an unknown node"
	}
	return owner.Node
}

// checkUnused reports the addresses of a pool that are in use.
func checkUnused(ctx context.Context, l *ledger.Ledger, m *model) diag.Diagnostics {
	pool, diags := m.in(ctx, l)
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
