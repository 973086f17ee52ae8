package run

import (
	"context"
	"slices"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
)

// WhileRenewalsAreHeld does something while a run keeps nodes from renewing their
// certificates, whose cluster has an API at hand.
func WhileRenewalsAreHeld(ctx context.Context, facts *model.Facts, api model.API, timing model.Timing, goes string, do func()) error {
	r := &Runner{Config: Config{World: &observe.World{Facts: *facts}, Timing: timing}}
	r.api = &clusterAPI{turn: make(chan struct{}, 1), api: api, ready: true, timing: timing}
	if err := r.holdRenewals(ctx, goes); err != nil {
		return err
	}
	do()
	r.releaseRenewals(ctx)
	return nil
}

// RemoveOrphanMembers sweeps etcd as a run does before a node joins, in a cluster whose API
// is at hand.
func RemoveOrphanMembers(ctx context.Context, spec *model.ClusterSpec, facts *model.Facts, api model.API) error {
	r := &Runner{Config: Config{Spec: spec, World: &observe.World{Facts: *facts}}}
	r.record = newRecordWriter(r)
	r.api = &clusterAPI{turn: make(chan struct{}, 1), api: api, ready: true, timing: model.Timing{Tick: time.Millisecond}}
	return r.removeOrphanMembers(ctx)
}

// Restart restarts nodes of a cluster whose API is at hand, and returns what has failed, and
// whether that stops what comes after.
func Restart(
	ctx context.Context, facts *model.Facts, api model.API, vc model.VCenter, steps ...model.Step,
) (failed []error, stopped bool) {
	timing := model.Timing{Tick: time.Millisecond, MaxTick: time.Millisecond, ReadyWait: 20 * time.Millisecond, LeaseWait: time.Second,
		LeaseLife: time.Second, CallTimeout: time.Second, BootTimeout: time.Second}
	spec := &model.ClusterSpec{}
	spec.Name = "c"
	r := &Runner{Config: Config{Spec: spec, World: &observe.World{Facts: *facts}, Timing: timing, VCenter: vc}}
	r.record = newRecordWriter(r)
	r.changes = &changes{timing: timing, slots: &slots{free: 1}, watch: newWatcher(vc, timing)}
	r.api = &clusterAPI{turn: make(chan struct{}, 1), api: api, ready: true, timing: timing}
	defer r.releaseRenewals(ctx)
	failed, _ = oneByOne(steps, func(step model.Step) error { return r.restartNode(ctx, step.(model.RestartNode)) })
	return failed, slices.ContainsFunc(failed, stops)
}

// CommandsEnd waits until the commands of a node that was restarted have ended.
func CommandsEnd(ctx context.Context, vc model.VCenter, stale bool) error {
	timing := model.Timing{Tick: time.Millisecond, MaxTick: time.Millisecond, BootTimeout: 100 * time.Millisecond, CallTimeout: time.Second}
	r := &Runner{Config: Config{Spec: &model.ClusterSpec{}, Timing: timing, VCenter: vc}}
	r.changes = &changes{timing: timing, watch: newWatcher(vc, timing)}
	return r.commandsEnd(ctx, "vm", "c-cp-1", nextRestart, stale)
}

// TakeOutUnready takes a control-plane node that is not Ready out of a cluster whose API is
// at hand.
func TakeOutUnready(ctx context.Context, spec *model.ClusterSpec, facts *model.Facts, api model.API, s model.DeleteNode) error {
	timing := model.Timing{Tick: time.Millisecond, MaxTick: time.Millisecond, ReadyWait: 20 * time.Millisecond}
	r := &Runner{Config: Config{Spec: spec, World: &observe.World{Facts: *facts}, Timing: timing}}
	r.record = newRecordWriter(r)
	r.api = &clusterAPI{turn: make(chan struct{}, 1), api: api, ready: true, timing: timing}
	return r.takeOutUnready(ctx, s)
}

// TakeOutOfARoll takes a node out of a cluster whose API is at hand.
func TakeOutOfARoll(ctx context.Context, spec *model.ClusterSpec, facts *model.Facts, api model.API, s model.DeleteNode) error {
	timing := model.Timing{
		Tick: time.Millisecond, MaxTick: time.Millisecond, ReadyWait: 20 * time.Millisecond,
		LeaseWait: time.Second, LeaseLife: time.Second, CallTimeout: time.Second,
	}
	r := &Runner{Config: Config{Spec: spec, World: &observe.World{Facts: *facts}, Timing: timing}}
	r.record = newRecordWriter(r)
	r.api = &clusterAPI{turn: make(chan struct{}, 1), api: api, ready: true, timing: timing}
	defer r.releaseRenewals(ctx)
	return r.takeOut(ctx, s)
}
