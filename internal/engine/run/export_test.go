package run

import (
	"context"
	"errors"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
)

// Poll is how a run waits for the cluster's API.
var Poll = poll

// GuardVCenter and GuardAPI are the ports as a run has them.
func GuardVCenter(vc model.VCenter, check func(context.Context) error) model.VCenter {
	return guardedVCenter{VCenter: vc, check: check}
}

// GuardAPI is GuardVCenter for the cluster's API.
func GuardAPI(api model.API, check func(context.Context) error) model.API {
	return guardedAPI{API: api, check: check}
}

// NotServing is why a node takes no work, in a run that began with some nodes, and has
// applied some packs.
func NotServing(spec *model.ClusterSpec, before map[string]model.KubeNode, applied map[string]model.AppliedPack, n model.KubeNode) string {
	r := &Runner{Config: Config{Spec: spec, World: &observe.World{}}}
	r.World.Facts.API.Nodes = before
	r.packs.packs = applied
	return r.notServing(n)
}

// TakeOut takes nodes out of their pool one after the other as a run does, none of which
// has ended, and returns what is said of each.
func TakeOut(spec *model.ClusterSpec, nodes map[string]model.KubeNode, steps []model.DeleteNode) []error {
	r := &Runner{Config: Config{Spec: spec, World: &observe.World{}}}
	r.World.Facts.API.Nodes = nodes
	r.record = newRecordWriter(r)
	errs := make([]error, len(steps))
	for i, s := range steps {
		errs[i] = r.mayLeave(nodes, s)
	}
	return errs
}

// WaitJoined waits for nodes side by side as a run does whose API has answered.
func WaitJoined(ctx context.Context, api model.API, timing model.Timing, steps []model.CreateNode) error {
	c := &clusterAPI{timing: timing, api: api, ready: true, turn: make(chan struct{}, 1)}
	waits := make([]func() error, len(steps))
	for i, s := range steps {
		waits[i] = func() error { return c.waitJoined(ctx, s, false) }
	}
	return errors.Join(inParallel(waits)...)
}

// WaitTask waits for a task as a run does.
func WaitTask(ctx context.Context, vc model.VCenter, timing model.Timing, task string) error {
	_, err := newWatcher(vc, timing).task(ctx, task, nil)
	return err
}

// AwaitBuilt waits as a run does until an image is built in a VM.
func AwaitBuilt(ctx context.Context, vc model.VCenter, timing model.Timing, vm string) error {
	seen, err := vc.Poll(ctx, model.PollRequest{VMs: []string{vm}})
	if err != nil {
		return err
	}
	return newBuildWatch(vm, "image", true, timing).await(ctx, newWatcher(vc, timing), seen)
}
