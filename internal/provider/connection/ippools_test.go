package connection_test

import (
	"reflect"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

func TestPlannedIPPool(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	plan := func(c *connection.Connection) {
		pool := ledger.RegisteredIPPool{ID: id, Ref: record.Ref{GatewayID: uuid.Max}, Body: record.IPPool{Name: "nodes"}}
		c.PlanPool(connection.PlannedPool{RegisteredIPPool: pool, Partial: true})
	}
	for name, c := range map[string]struct {
		marks []func(*connection.Connection)
		want  model.IPPoolFate
	}{
		"nothing is planned": {nil, model.IPPoolKept},
		"another is planned": {
			[]func(*connection.Connection){func(c *connection.Connection) { c.MarkPlanned(uuid.New()) }}, model.IPPoolKept,
		},
		"planned, to what is not known": {
			[]func(*connection.Connection){func(c *connection.Connection) { c.MarkPlanned(id) }}, model.IPPoolUnknown,
		},
		"planned": {
			[]func(*connection.Connection){func(c *connection.Connection) { c.MarkPlanned(id) }, plan}, model.IPPoolWritten,
		},
		"deleted": {[]func(*connection.Connection){func(c *connection.Connection) { c.MarkDeleted(id) }}, model.IPPoolDeleted},
		"leaving": {[]func(*connection.Connection){func(c *connection.Connection) { c.MarkLeaving(id) }}, model.IPPoolDeleted},
		"replaced under its own id": {
			[]func(*connection.Connection){func(c *connection.Connection) { c.MarkLeaving(id) }, plan}, model.IPPoolWritten,
		},
	} {
		p := &connection.Process{}
		for _, mark := range c.marks {
			mark(p.Unknown())
		}
		got := p.Unknown().PlannedIPPool(id)
		if got.Fate != c.want {
			t.Errorf("%s: got %v, want %v", name, got.Fate, c.want)
		}
		if got.Fate == model.IPPoolWritten && (got.Record.Name != "nodes" || got.GatewayID != uuid.Max || !got.Partial) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// What a cluster takes counts for the others, until its apply begins.
func TestPlanUses(t *testing.T) {
	t.Parallel()
	pool, other := uuid.New(), uuid.New()
	ref := func(name string) record.Ref { return record.Ref{Kind: record.KindCluster, Name: name} }
	c := new(connection.Process).Unknown()
	plan := func(by string, addresses map[uuid.UUID]int) map[uuid.UUID][]model.IPPoolUse {
		uses := map[uuid.UUID]model.IPPoolUse{}
		for id, n := range addresses {
			uses[id] = model.IPPoolUse{Ref: ref(by), Addresses: n}
		}
		return c.PlanUses(ref(by), uses)
	}
	plan("b", map[uuid.UUID]int{pool: 9})
	plan("b", map[uuid.UUID]int{pool: 2, other: 1})
	plan("a", map[uuid.UUID]int{pool: 0})
	uses := plan("me", map[uuid.UUID]int{pool: 5})[pool]
	if want := []model.IPPoolUse{{Ref: ref("a")}, {Ref: ref("b"), Addresses: 2}}; !reflect.DeepEqual(uses, want) {
		t.Errorf("got %v", uses)
	}
	c.PlanUses(ref("b"), nil)
	if uses := plan("me", map[uuid.UUID]int{other: 1})[other]; len(uses) != 0 {
		t.Errorf("applied, and there is %v", uses)
	}
}

func TestApplyingIsOfTheProcess(t *testing.T) {
	t.Parallel()
	p := &connection.Process{}
	if p.Unknown().Applying() {
		t.Error("nothing is applied yet")
	}
	p.Unknown().MarkApplying()
	if !p.Unknown().Applying() || p.Unknown().Planning() {
		t.Error("it is an apply, and no plan")
	}
}
