package ippoolspec

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Candidate is a pool that is about to be registered or changed.
type Candidate struct {
	// ID is that of its record; uuid.Nil: not known yet.
	ID  uuid.UUID
	Ref record.Ref
	// Leaving reports the pools that a resource gives up in the same run.
	Leaving func(id uuid.UUID) bool
	// Contested reports whether a registered pool that overlaps may be the former self of
	// this one: it is warned of, and the apply refuses it. Nil: it is not.
	Contested func() bool
	// Applying reports whether it is created in an apply that is known to be one, whose
	// plan may not fail.
	Applying bool
	// Plan notes the pool and returns those that are planned in the same run; nil in
	// an apply.
	Plan func(connection.PlannedPool) []ledger.RegisteredIPPool
}

// Run is what resources that are planned together know of each other.
type Run interface {
	Leaving(id uuid.UUID) bool
	// Planning reports whether this is known to be a plan and not the second one in an
	// apply.
	Planning() bool
	Applying() bool
	PlanPool(connection.PlannedPool) []ledger.RegisteredIPPool
}

// PlannedCandidate is a candidate in a plan.
func PlannedCandidate(id uuid.UUID, ref record.Ref, run Run) Candidate {
	return Candidate{
		ID: id, Ref: ref, Leaving: run.Leaving, Contested: func() bool { return !run.Planning() }, Applying: run.Applying(), Plan: run.PlanPool,
	}
}

// AppliedCandidate is a candidate in an apply: what leaves has left by then.
func AppliedCandidate(id uuid.UUID, ref record.Ref) Candidate {
	return Candidate{ID: id, Ref: ref, Leaving: noneLeaving}
}

func noneLeaving(uuid.UUID) bool { return false }

// CheckOverlap refuses a pool that could issue an address of another one, on the
// attribute below at, and warns of pools that cannot be compared. It reports
// nothing while what is compared is not known.
func (m *Model) CheckOverlap(ctx context.Context, l *ledger.Ledger, at path.Path, c Candidate) diag.Diagnostics {
	if !m.Known(ctx) || m.Network.IsUnknown() {
		return nil
	}
	_, diags := m.Arithmetic(ctx, at)
	body, more := m.Record(ctx, c.Ref.Name)
	diags.Append(more...)
	if diags.HasError() {
		return diags
	}

	const summary = "IP pools overlap"
	at = at.AtName(m.addressesAttribute())
	show := diagnostics.AttributeError
	if c.Applying {
		show = diagnostics.AttributeWarning // the creation itself refuses it
	}
	for _, overlap := range m.plannedOverlaps(c, body) {
		diags.Append(show(at, summary, overlapDetail(overlap)))
	}
	registered, unreadable, err := l.Overlaps(ctx, c.ID, body)
	if err != nil {
		diags.Append(diagnostics.FromError("compare with other pools", c.Ref.Describe(), err))
		return diags
	}
	for _, overlap := range registered {
		switch {
		case c.Leaving(overlap.Other.ID):
		case c.Contested != nil && c.Contested():
			diags.Append(diagnostics.AttributeWarning(at, summary, overlapDetail(overlap)+" The apply is refused if that is still so."))
		default:
			// A pool that is both registered and planned makes the same error twice, which
			// Append drops.
			diags.Append(diagnostics.AttributeError(at, summary, overlapDetail(overlap)))
		}
	}
	diags.Append(warnUnreadable(c, unreadable)...)
	return diags
}

func overlapDetail(overlap *ledger.OverlapError) string {
	return diagnostics.Sentence(overlap.Error()) + " " + diagnostics.OverlapAdvice
}

// plannedOverlaps are the overlaps with the pools that the same run plans.
func (m *Model) plannedOverlaps(c Candidate, body record.IPPool) []*ledger.OverlapError {
	var overlaps []*ledger.OverlapError
	for _, other := range m.note(c, body) {
		if overlap := other.Overlap(body); overlap != nil {
			overlaps = append(overlaps, overlap)
		}
	}
	return overlaps
}

// note notes in a plan what the pool will be, and returns the others that are planned.
func (m *Model) note(c Candidate, body record.IPPool) []ledger.RegisteredIPPool {
	if c.Plan == nil || c.ID == uuid.Nil {
		return nil
	}
	return c.Plan(connection.PlannedPool{
		RegisteredIPPool: ledger.RegisteredIPPool{ID: c.ID, Ref: c.Ref, Body: body},
		Partial:          !allKnown(m.Nameservers) || !allKnown(m.SearchDomains),
	})
}

// Note notes in a plan what a pool will be that is not compared with others, as far as
// it is known.
func (m *Model) Note(ctx context.Context, id uuid.UUID, ref record.Ref, run Run) diag.Diagnostics {
	if !m.Known(ctx) || m.Network.IsUnknown() {
		return nil
	}
	body, diags := m.Record(ctx, ref.Name)
	if !diags.HasError() {
		m.note(PlannedCandidate(id, ref, run), body)
	}
	return diags
}

func warnUnreadable(c Candidate, unreadable []ledger.RegisteredIPPool) diag.Diagnostics {
	var lines []string
	for _, other := range unreadable {
		if !c.Leaving(other.ID) {
			lines = append(lines, "  "+other.Unreadable.Error())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return diag.Diagnostics{diag.NewWarningDiagnostic("IP pools not compared", fmt.Sprintf(
		"%s may overlap with these, whose records in vCenter cannot be read:\n%s\n"+
			"Apply the configuration of each, which writes its record again, or restore its tag. "+
			"Delete the tag of a pool that is no longer used.", diagnostics.Title(c.Ref.Describe()), strings.Join(lines, "\n")))}
}
