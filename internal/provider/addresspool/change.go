package addresspool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Change is a change in place of a registered pool, from what the state knows to
// what is planned, both of which are known.
type Change struct {
	Ledger         *ledger.Ledger
	At             path.Path // of the pool in its resource
	ID             uuid.UUID
	Name           string
	GatewayID      string
	Prior, Planned *Model
}

func (c *Change) thing() string { return fmt.Sprintf("IP pool %q", c.Name) }

// Check reports at plan time what is in the way of the change.
func (c *Change) Check(ctx context.Context, run Run) diag.Diagnostics {
	_, diags := c.inUse(ctx)
	diags.Append(c.overlap(ctx, Candidate{ID: c.ID, Name: c.Name, GatewayID: c.GatewayID, Leaving: run.Leaving, Plan: run.PlanPool})...)
	return diags
}

// Run is what resources that are planned together know of each other.
type Run interface {
	Leaving(id string) bool
	PlanPool(ledger.RegisteredIPPool) []ledger.RegisteredIPPool
}

// Apply writes the pool's record. What was free to be changed at the plan is
// looked at again, before and after: claims and pools may have been made since,
// and one that was made in between is in the way of neither look alone. Then the
// record is put back.
func (c *Change) Apply(ctx context.Context) diag.Diagnostics {
	holder, diags := c.inUse(ctx)
	diags.Append(c.overlap(ctx, c.applied())...)
	if diags.HasError() {
		return diags
	}
	if holder != uuid.Nil {
		if err := c.Ledger.Reserve(ctx, c.ID, holder); err != nil {
			diags.Append(diagnostics.FromError("reserve", c.thing(), err))
			return diags
		}
	}
	if err := c.write(ctx, c.Planned); err != nil {
		diags.Append(diagnostics.FromError("update", c.thing(), err))
		return diags
	}
	later, again := c.inUse(ctx)
	again.Append(c.overlap(ctx, c.applied())...)
	if again.HasError() {
		diags.Append(again...)
		diags.Append(c.putBack(ctx)...)
		return diags
	}
	if later != uuid.Nil {
		if err := c.Ledger.Reserve(ctx, c.ID, later); err != nil {
			diags.Append(diagnostics.FromError("reserve", c.thing(), err))
			return diags
		}
	}
	diags.Append(c.openToAll(ctx, c.Planned)...)
	return diags
}

// overlap compares with other pools where the change may bring the pool into the
// way of one.
func (c *Change) overlap(ctx context.Context, candidate Candidate) diag.Diagnostics {
	if c.Planned.SameAddresses(c.Prior) && c.Planned.Network.Equal(c.Prior.Network) {
		return nil
	}
	return c.Planned.CheckOverlap(ctx, c.Ledger, c.At, candidate)
}

func (c *Change) applied() Candidate { return Candidate{ID: c.ID, Name: c.Name, Leaving: Never} }

func (c *Change) write(ctx context.Context, m *Model) error {
	body, diags := m.Body(ctx, c.Name)
	if diags.HasError() {
		return errors.New(diags[0].Detail())
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the record: %w", err)
	}
	return c.Ledger.UpdateRecord(ctx, c.ID, raw)
}

// putBack writes the record of the state.
func (c *Change) putBack(ctx context.Context) diag.Diagnostics {
	if err := c.write(ctx, c.Prior); err != nil {
		return diag.Diagnostics{diagnostics.FromError("put back the record of", c.thing(), err)}
	}
	return c.openToAll(ctx, c.Prior)
}

// openToAll takes away the reservation of a pool that is not restricted any
// more, so that it does not stand again once the pool is.
func (c *Change) openToAll(ctx context.Context, m *Model) diag.Diagnostics {
	if m.RestrictToSingleCluster.ValueBool() {
		return nil
	}
	// Also one that was edited by hand and names nobody.
	cluster, _, err := c.Ledger.Reservation(ctx, c.ID)
	if err == nil {
		err = c.Ledger.ReleaseReservation(ctx, c.ID, cluster)
	}
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return diag.Diagnostics{diagnostics.FromError("release the reservation of", c.thing(), err)}
	}
	return nil
}

// OtherFamily tells whether the pool goes from IPv4 to IPv6 or back.
func (c *Change) OtherFamily(ctx context.Context) bool {
	before, diags := c.Prior.Arithmetic(ctx, c.At)
	after, d := c.Planned.Arithmetic(ctx, c.At)
	diags.Append(d...)
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
