package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// TestDestroyTouchesItsOwnIncarnation deletes what a state made and what nothing else
// has, and no address of what took its place.
func TestDestroyTouchesItsOwnIncarnation(t *testing.T) {
	t.Parallel()
	const first, second = record.Incarnation("first"), record.Incarnation("second")
	all := "delete_node c-w-1, delete_node c-cp-1, release_endpoint c, delete_record c"
	for name, c := range map[string]struct {
		own    record.Incarnation
		change func(*model.Facts)
		want   string
		gone   bool
	}{
		"its own":    {own: first, want: all},
		"not known":  {want: all},
		"taken over": {own: first, change: func(f *model.Facts) { incarnate(f, second, second, second) }, gone: true},
		"taken over, but for a VM": {
			own:    first,
			change: func(f *model.Facts) { incarnate(f, second, second, first) },
			want:   "delete_node c-w-1",
		},
		// What a run that was killed made last.
		"with a VM of an earlier one": {own: second, change: func(f *model.Facts) { incarnate(f, second, second, first) }, want: all},
		"without a record": {
			own:    first,
			change: func(f *model.Facts) { f.Record = model.Record{} },
			want:   "delete_node c-w-1, delete_node c-cp-1, release_endpoint c, delete_record c",
		},
		"without a record, beside a newer one": {
			own: first,
			change: func(f *model.Facts) {
				incarnate(f, "", second, first)
				f.Record = model.Record{}
			},
			want: "delete_node c-w-1",
		},
		"of nothing": {own: first, change: func(f *model.Facts) { *f = model.Facts{} }, gone: true},
		"of what is not seen": {own: first, change: func(f *model.Facts) {
			*f = model.Facts{Unseen: []model.UnseenMachine{{KnownMachine: model.KnownMachine{Node: "c-w-1"}}}}
		}},
	} {
		f := running(1, 1)
		incarnate(f, first, first, first)
		if c.change != nil {
			c.change(f)
		}
		target := small(1, 1).Target()
		target.Incarnation = c.own
		p := plan.Destroy(target, f, &model.Limits{})
		if got := names(p); got != c.want || p.Err() != nil {
			t.Errorf("%s: %s (%v), want %s", name, got, p.Err(), c.want)
		}
		if gone := plan.Gone(target, f); gone != c.gone {
			t.Errorf("%s: gone is %v", name, gone)
		}
		for _, step := range p.Steps() {
			if gone, ok := step.(model.DeleteNode); ok && gone.KeepAddress != (c.want == "delete_node c-w-1") {
				t.Errorf("%s: the address of %s is kept: %v", name, gone.Machine.Marker.Node, gone.KeepAddress)
			}
		}
	}
}

// incarnate sets the incarnations of the record, the control-plane node and the worker.
func incarnate(f *model.Facts, rec, controlPlane, worker record.Incarnation) {
	f.Record.Incarnation = rec
	for i := range f.Machines {
		m := &f.Machines[i].Marker
		if m.Incarnation = worker; m.ControlPlane() {
			m.Incarnation = controlPlane
		}
	}
}

// TestPlanRefusesWhatWasTakenOver leaves alone what another creation has by now.
func TestPlanRefusesWhatWasTakenOver(t *testing.T) {
	t.Parallel()
	f := running(1, 1)
	f.Record.Incarnation = "second"
	s := small(1, 1)
	s.Incarnation = "first"
	wantRefusal(t, planned(s, f), nameField, "has taken its place")
	s.Incarnation = "second"
	wantSteps(t, planned(s, f), "")
}
