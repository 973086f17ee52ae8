package addresspool

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

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
	overlaps, unread, err := l.Overlaps(ctx, c.ID, body)
	if err != nil {
		diags.Append(diagnostics.FromError("compare with other pools", fmt.Sprintf("IP pool %q", c.Name), err))
		return diags
	}
	for _, overlap := range overlaps {
		if !c.Leaving(overlap.Other.ID.String()) {
			diags.AddAttributeError(at.AtName(m.spanName()), "IP pools overlap", diagnostics.Sentence(overlap.Error())+" "+diagnostics.OverlapAdvice)
		}
	}
	var damaged []string
	for _, other := range unread {
		if !c.Leaving(other.ID.String()) {
			damaged = append(damaged, "  "+other.Damage.Error())
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
