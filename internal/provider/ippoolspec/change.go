package ippoolspec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Change is a change in place of a registered pool, from a state to a plan, all of
// both known.
type Change struct {
	Ledger         *ledger.Ledger
	At             path.Path // of the pool in its resource
	ID             uuid.UUID
	Ref            record.Ref
	Incarnation    record.Incarnation // of the record
	Prior, Planned *Model
}

func (c *Change) subject() string { return c.Ref.Describe() }

// Check refuses in a plan what the change cannot do.
func (c *Change) Check(ctx context.Context, run Run) diag.Diagnostics {
	_, diags := c.checkInUse(ctx)
	candidate := PlannedCandidate(c.ID, c.Ref, run)
	candidate.Contested = nil // the pool itself is there
	candidate.Applying = false
	diags.Append(c.checkOverlap(ctx, candidate)...)
	diags.Append(c.Planned.Note(ctx, c.ID, c.Ref, run)...)
	return diags
}

// Apply writes the pool's record. What the plan checked is checked again before and
// after: claims and pools may have been made since, and one that was made in
// between is in the way of neither check alone. Then the record is put back.
func (c *Change) Apply(ctx context.Context) diag.Diagnostics {
	holder, diags := c.checkAll(ctx)
	if diags.HasError() {
		return diags
	}
	if diags.Append(c.reserve(ctx, holder)...); diags.HasError() {
		return diags
	}
	if err := c.write(ctx, c.Planned); err != nil {
		diags.Append(diagnostics.FromError("update", c.subject(), err))
		return diags
	}

	holder, again := c.checkAll(ctx)
	if again.HasError() {
		diags.Append(again...)
		diags.Append(c.putBack(ctx)...)
		return diags
	}
	if diags.Append(c.reserve(ctx, holder)...); diags.HasError() {
		return diags
	}
	diags.Append(c.releaseReservation(ctx, c.Planned)...)
	return diags
}

// checkAll checks what is in use and what overlaps. It returns the cluster that a
// pool which is to be restricted is reserved for.
func (c *Change) checkAll(ctx context.Context) (holder uuid.UUID, diags diag.Diagnostics) {
	holder, diags = c.checkInUse(ctx)
	diags.Append(c.checkOverlap(ctx, AppliedCandidate(c.ID, c.Ref))...)
	return holder, diags
}

// checkOverlap compares with other pools where the change may make the pool
// overlap with one.
func (c *Change) checkOverlap(ctx context.Context, candidate Candidate) diag.Diagnostics {
	if c.Planned.SameAddresses(c.Prior) && c.Planned.Network.Equal(c.Prior.Network) {
		return nil
	}
	return c.Planned.CheckOverlap(ctx, c.Ledger, c.At, candidate)
}

func (c *Change) reserve(ctx context.Context, cluster uuid.UUID) diag.Diagnostics {
	if cluster == uuid.Nil {
		return nil
	}
	if err := c.Ledger.Reserve(ctx, c.ID, cluster); err != nil {
		return diag.Diagnostics{diagnostics.FromError("reserve", c.subject(), err)}
	}
	return nil
}

func (c *Change) write(ctx context.Context, m *Model) error {
	body, diags := m.Record(ctx, c.Ref.Name)
	if diags.HasError() {
		return errors.New(diags[0].Detail())
	}
	body.Incarnation = c.Incarnation
	body.Written = time.Now().UnixMilli()
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the record: %w", err)
	}
	return c.Ledger.UpdateRecord(ctx, c.ID, raw)
}

// putBack writes the record of the state.
func (c *Change) putBack(ctx context.Context) diag.Diagnostics {
	if err := c.write(ctx, c.Prior); err != nil {
		return diag.Diagnostics{diagnostics.FromError("put back the record of", c.subject(), err)}
	}
	return c.releaseReservation(ctx, c.Prior)
}

// releaseReservation deletes the reservation of a pool that is no longer
// restricted, so that it does not hold again once the pool is.
func (c *Change) releaseReservation(ctx context.Context, m *Model) diag.Diagnostics {
	if m.RestrictToSingleCluster.ValueBool() {
		return nil
	}
	// Also one that was edited by hand and names no cluster.
	cluster, _, err := c.Ledger.Reservation(ctx, c.ID)
	if err == nil {
		err = c.Ledger.ReleaseReservation(ctx, c.ID, cluster)
	}
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return diag.Diagnostics{diagnostics.FromError("release the reservation of", c.subject(), err)}
	}
	return nil
}

// OtherFamily reports whether the pool changes from IPv4 to IPv6 or back.
func (c *Change) OtherFamily(ctx context.Context) bool {
	before, diags := c.Prior.Arithmetic(ctx, c.At)
	after, more := c.Planned.Arithmetic(ctx, c.At)
	diags.Append(more...)
	return !diags.HasError() && before.Start.Is4() != after.Start.Is4()
}

// FamilyPath is an attribute that tells the family and has changed.
func (c *Change) FamilyPath() path.Path {
	switch {
	case c.Planned.Range.IsNull():
		return c.At.AtName("subnet")
	case c.Prior.Range.IsNull():
		return c.At.AtName("range")
	}
	return c.At.AtName("range").AtName("start")
}
