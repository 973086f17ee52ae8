package ippoolspec_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
)

// TestPlannedPoolsAreCompared plans two pools of the same addresses: in an apply, where a
// plan may not fail, the second is warned of, and what it will be is known either way.
func TestPlannedPoolsAreCompared(t *testing.T) {
	t.Parallel()
	l := ledger.New(ledgertest.NewStore(), "vcenter")
	for _, applying := range []bool{false, true} {
		run := new(connection.Process).Unknown()
		run.MarkPlanning()
		var m ippoolspec.Model
		if diags := m.SetRecord(t.Context(), body(0)); diags.HasError() {
			t.Fatal(diags)
		}
		m.Nameservers = types.ListUnknown(types.StringType)
		first, second := uuid.New(), uuid.New()
		ref := record.Ref{Kind: record.KindIPPool, Name: "nodes"}
		diags := m.CheckOverlap(t.Context(), l, path.Empty(), ippoolspec.PlannedCandidate(first, ref, run))
		if len(diags) > 0 {
			t.Fatalf("the first: %v", diags)
		}
		if applying {
			run.MarkApplying()
		}
		diags = m.CheckOverlap(t.Context(), l, path.Empty(), ippoolspec.PlannedCandidate(second, ref, run))
		if len(diags) != 1 || diags.HasError() == applying {
			t.Errorf("the second, applying %t: %v", applying, diags)
		}
		if pool := run.PlannedIPPool(second); pool.Record.End != "10.10.183.9" || !pool.Partial {
			t.Errorf("planned as %+v", pool)
		}
	}
}

// TestNoteNeedsToKnowThePool leaves out what is not known yet.
func TestNoteNeedsToKnowThePool(t *testing.T) {
	t.Parallel()
	run := new(connection.Process).Unknown()
	ref := record.Ref{Kind: record.KindIPPool, Name: "nodes"}
	var m ippoolspec.Model
	if diags := m.SetRecord(t.Context(), body(0)); diags.HasError() {
		t.Fatal(diags)
	}
	m.Network = types.StringUnknown()
	id := uuid.New()
	m.Note(t.Context(), id, ref, run)
	if pool := run.PlannedIPPool(id); pool.Record.Name != "" {
		t.Errorf("on an unknown network: %+v", pool)
	}
	m.Network = types.StringNull()
	m.Note(t.Context(), id, ref, run)
	if pool := run.PlannedIPPool(id); pool.Record.Name != "nodes" {
		t.Errorf("known: %+v", pool)
	}
}
