package addresspool

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Candidate is a pool that is about to be registered or changed.
type Candidate struct {
	ID   uuid.UUID
	Name string
	// Leaving tells the pools that a resource gives up in the same run.
	Leaving func(id string) bool
}

// CheckOverlap reports the registered pools that could hand out an address of
// the model's, on the attribute below at, and warns of those of which that cannot
// be told. It takes a list call and two for each pool.
func (m *Model) CheckOverlap(ctx context.Context, l *ledger.Ledger, at path.Path, c Candidate) diag.Diagnostics {
	addresses, diags := m.Arithmetic(ctx, at)
	if diags.HasError() {
		return diags
	}
	others, err := l.Pools(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("compare with other pools", fmt.Sprintf("IP pool %q", c.Name), err))
		return diags
	}
	var damaged []string
	for _, other := range others {
		if other.ID == c.ID || c.Leaving(other.ID.String()) {
			continue
		}
		if other.Damage != nil {
			damaged = append(damaged, "  "+other.Damage.Error())
			continue
		}
		theirs, err := other.Body.IPAM()
		if err != nil || !ledger.MaybeSameNetwork(m.Network.ValueString(), other.Body.Network) {
			continue
		}
		if shared, ok := addresses.Shared(theirs); ok {
			diags.AddAttributeError(at.AtName(m.spanName()), "IP pools overlap", overlapDetail(c.Name, other, shared))
		}
	}
	if len(damaged) > 0 {
		diags.AddWarning("IP pools that cannot be compared", fmt.Sprintf(
			"Whether IP pool %q shares addresses with these is not known, since their records in vCenter are damaged:\n%s\n"+
				"Apply the configuration of each, which writes its record again, or put the tag back as it was. "+
				"Delete the tag where nobody needs the pool any more.", c.Name, strings.Join(damaged, "\n")))
	}
	return diags
}

func overlapDetail(name string, other ledger.RegisteredPool, shared ipam.Range) string {
	which := "the address " + shared.Start.String()
	if shared.Start != shared.End {
		which = fmt.Sprintf("addresses from %s to %s", shared.Start, shared.End)
	}
	return fmt.Sprintf("IP pool %q and %s of this vCenter both have %s: two nodes could get the same one. "+
		"Use addresses that no other pool has, or exclude them from one of the two; where the pools are on different networks, name the network of both. "+
		"A pool that is to give the addresses up has to be applied first.", name, title(other), which)
}

// title names a registered pool.
func title(p ledger.RegisteredPool) string {
	if p.Record.GatewayID == "" {
		return fmt.Sprintf("IP pool %q", p.Record.Name)
	}
	return fmt.Sprintf("IP pool %q of gateway %s", p.Record.Name, p.Record.GatewayID)
}
