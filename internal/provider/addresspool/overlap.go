package addresspool

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Candidate is a pool that is about to be registered or changed.
type Candidate struct {
	ID        uuid.UUID
	Name      string
	GatewayID string
	// Leaving tells the pools that a resource gives up in the same run.
	Leaving func(id string) bool
	// Plan notes the pool, and answers those that are planned in the same run; nil
	// in an apply.
	Plan func(ledger.RegisteredIPPool) []ledger.RegisteredIPPool
}

// Never is the Leaving of an apply: what has gone is gone by then.
func Never(string) bool { return false }

// CheckOverlap reports the registered pools that could hand out an address of
// the model's, on the attribute below at, and warns of those of which that cannot
// be told. It says nothing while what is compared is not known.
func (m *Model) CheckOverlap(ctx context.Context, l *ledger.Ledger, at path.Path, c Candidate) diag.Diagnostics {
	if !m.Known(ctx) || m.Network.IsUnknown() {
		return nil
	}
	_, diags := m.Arithmetic(ctx, at)
	body, d := m.Body(ctx, c.Name)
	diags.Append(d...)
	if diags.HasError() {
		return diags
	}
	if c.Plan != nil && c.ID != uuid.Nil {
		gateway, _ := uuid.Parse(c.GatewayID) // nil: the system gateway
		own := ledger.RegisteredIPPool{ID: c.ID, Ref: record.Ref{Kind: record.KindIPPool, GatewayID: gateway, Name: c.Name}, Body: body}
		for _, other := range c.Plan(own) {
			if overlap := other.Overlap(body); overlap != nil {
				report(&diags, at.AtName(m.spanName()), overlap)
			}
		}
	}
	overlaps, unread, err := l.Overlaps(ctx, c.ID, body)
	if err != nil {
		diags.Append(diagnostics.FromError("compare with other pools", fmt.Sprintf("IP pool %q", c.Name), err))
		return diags
	}
	for _, overlap := range overlaps {
		if !c.Leaving(overlap.Other.ID.String()) {
			report(&diags, at.AtName(m.spanName()), overlap)
		}
	}
	var damaged []string
	for _, other := range unread {
		switch {
		case c.Leaving(other.ID.String()):
		case errors.Is(other.Unreadable, record.ErrNewer):
			diags.Append(diagnostics.FromError("compare with other pools", fmt.Sprintf("IP pool %q", c.Name), other.Unreadable))
		default:
			damaged = append(damaged, "  "+other.Unreadable.Error())
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

// report adds an error; the same one of a pool that is registered and planned is
// added once.
func report(diags *diag.Diagnostics, at path.Path, overlap *ledger.OverlapError) {
	diags.AddAttributeError(at, "IP pools overlap", diagnostics.Sentence(overlap.Error())+" "+diagnostics.OverlapAdvice)
}
