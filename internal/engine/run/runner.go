// Package run carries out plans: the scheduler of stages, one file a kind of step,
// and what steps share, which is the cluster's API, its addresses and its record.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Config is what a run works with.
type Config struct {
	Spec    *model.ClusterSpec
	World   *observe.World
	Secrets *model.Secrets
	// Parents are what must not be deleted while the cluster exists: the cloud
	// account. Its gateway knows of it by the ledger.
	Parents []uuid.UUID
	// ImportData is stored in the cluster beside the authorities.
	ImportData map[string][]byte

	// VCenter changes things, with the identity of the cloud account; Reader has the
	// provider's, which sees tags.
	VCenter  model.VCenter
	Reader   model.VCenter
	Ledger   *ledger.Ledger
	Kube     model.Kube
	Images   model.ImageSource
	Charts   model.Charts
	Lease    *ledger.Lease
	Parallel int
	Timing   model.Timing
	Progress *Progress
	// Events has what happens written into the cluster, and to its VMs in vCenter.
	Events bool
	Now    func() time.Time
	Rand   io.Reader
}

// Runner carries out one plan under one lock.
type Runner struct {
	Config
	changes   *changes
	record    *recordWriter
	addresses *addresses
	backends  *backends
	macs      *macs
	rooms     *rooms
	rules     *rules
	api       *clusterAPI
	ahead     *ahead
	zones     func(context.Context) (model.ZoneTags, error)
	folder    func(context.Context) (string, error)
	levels    []record.Folder // of the path of the VM folder
	packs     appliedPacks
	numbers   model.Numbers
	rebuilds  map[string]uuid.UUID // the IP pool of each node that the plan creates
	goes      []string             // the nodes that the plan deletes
	starts    []string             // the control-plane nodes that the plan creates or powers on
	warnings  warnings
	remnants  remnants
	leaving   leaving
	waits     packWaits
	departed  departed
	made      made
	vms       sync.Map // the reference of each VM that it makes, by node
	renewals  renewalLease
	images    images

	firstBootFailed atomic.Bool
}

// New makes a runner.
func New(c Config) *Runner {
	r := &Runner{Config: c}
	r.changes = &changes{
		lease:  c.Lease,
		timing: c.Timing,
		slots:  &slots{free: max(c.Parallel, 1)},
		watch:  newWatcher(c.VCenter, c.Timing),
	}
	r.VCenter = guardedVCenter{VCenter: c.VCenter, check: r.changes.check}
	r.record = newRecordWriter(r)
	r.addresses = newAddresses(r)
	r.backends = newBackends(r)
	r.macs = newMACs(&c.World.Limits)
	r.rules = newRules(r)
	r.rooms = newRooms(r)
	r.api = newClusterAPI(r)
	r.ahead = &ahead{runner: r, nodes: map[string]*aheadNode{}}
	r.zones = once(r.readZones)
	r.folder = once(r.ensureFolder)
	r.packs.packs = map[string]model.AppliedPack{}
	maps.Copy(r.packs.packs, c.World.Facts.API.Packs)
	return r
}

// Execute runs the stages of a plan one after the other, each by its own policy.
func (r *Runner) Execute(ctx context.Context, p *model.Plan) (err error) {
	if err := r.prepare(ctx, p); err != nil {
		return err
	}
	defer r.api.cleanUp(ctx)
	defer r.announceEvents(ctx)()
	defer r.Progress.leave()
	defer func() { err = errors.Join(err, r.ahead.end(ctx), r.rules.settleAll(ctx)) }()

	var failed []error
	var left []model.Step    // of rollouts that go no further
	var dropped []model.Step // of packs, and of other stages after which the rest goes on
	rollouts := true
	for _, stage := range p.Stages {
		if stage.Rollout && !rollouts {
			left = append(left, stage.Steps...)
			dropped = append(dropped, ofPacks(stage.Steps)...)
			continue
		}
		if stage.Complete {
			failed = r.lookAgain(ctx, failed)
		}
		if stage.Complete && len(failed) > 0 {
			continue
		}
		if err := r.pause(ctx, stage); err != nil {
			return errors.Join(append(failed, err)...)
		}
		r.ahead.begin(ctx, stage.Clones, stage.JoinAhead)
		errs, rest := r.runStage(ctx, stage)
		r.releaseRenewals(ctx)
		failed = append(failed, errs...)
		if ctx.Err() != nil {
			return errors.Join(append(failed, context.Cause(ctx))...)
		}
		if len(errs) == 0 {
			continue
		}
		stopped := slices.ContainsFunc(errs, stops)
		switch {
		case stage.Rollout && stopped:
			left = append(left, rest...)
			dropped = append(dropped, ofPacks(rest)...)
		case !stopped || stage.OnFailure == model.SkipRollouts:
			dropped = append(dropped, rest...)
		}
		if stage.OnFailure == model.Stop {
			break
		}
		rollouts = rollouts && (stage.OnFailure != model.SkipRollouts || !stopped)
	}
	failed = r.lookAgain(ctx, failed)
	if len(dropped) > 0 {
		failed = append(failed, notBegun(dropped))
	}
	if len(left) > 0 {
		failed = append(failed, rolloutStopped(left))
	}
	return errors.Join(failed...)
}

// prepare notes what the steps of a plan need to know of the others, and writes what has to be in
// the record before the first of them.
func (r *Runner) prepare(ctx context.Context, p *model.Plan) error {
	r.numbers = p.Numbers
	r.rebuilds = p.Rebuilds()
	r.rooms.begin(plan.Occupied(r.Spec, &r.World.Facts, p))
	r.goes = p.DeletedNodes()
	r.starts = p.StartsControlPlane()
	r.api.first = p.First()
	if err := r.record.writeAhead(ctx, p.Numbers); err != nil {
		return err
	}
	if err := r.record.moveParents(ctx, r.Parents); err != nil {
		return err
	}
	return r.followFolder(ctx, p)
}

// FirstBootFailed reports whether the node that was to initialise the control plane
// did not. Until then the certificate authorities were readable in its VM's
// configuration.
func (r *Runner) FirstBootFailed() bool { return r.firstBootFailed.Load() }

// runStage runs the steps of a stage and returns their failures, and the steps that
// were not begun.
func (r *Runner) runStage(ctx context.Context, stage model.Stage) (failed []error, left []model.Step) {
	if stage.Parallel {
		return r.runParallel(ctx, stage.Steps), nil
	}
	steps := r.inOrder(ctx, stage.Steps)
	return oneByOne(steps, func(step model.Step) error { return r.runStep(ctx, step) })
}

// oneByOne runs steps until one fails that stops the others.
func oneByOne(steps []model.Step, run func(model.Step) error) (failed []error, left []model.Step) {
	for i, step := range steps {
		err := run(step)
		if err == nil {
			continue
		}
		failed = append(failed, err)
		if endsStage(err) {
			return failed, steps[i+1:]
		}
	}
	return failed, nil
}

func (r *Runner) runParallel(ctx context.Context, steps []model.Step) []error {
	runs := make([]func() error, len(steps))
	for i, step := range steps {
		runs[i] = func() error { return r.runStep(ctx, step) }
	}
	return inParallel(runs)
}

// inParallel runs functions side by side and returns what failed, in their order.
func inParallel(runs []func() error) []error {
	errs := make([]error, len(runs))
	var group sync.WaitGroup
	for i, run := range runs {
		group.Go(func() { errs[i] = run() })
	}
	group.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func (r *Runner) runStep(ctx context.Context, step model.Step) error {
	ctx, ended := r.Progress.Begin(ctx, step.Change())
	err := r.dispatch(ctx, step)
	ended(err)
	if err != nil {
		return &StepError{Step: step.Change(), Err: err}
	}
	return nil
}

// failureOf is the error of a call whose result no step needs.
func failureOf[T any](_ T, err error) error { return err }

// StepError is a step that failed.
type StepError struct {
	Step model.Change
	Err  error
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// rolloutStopped says which nodes a rollout that goes no further has left as they
// were.
func rolloutStopped(steps []model.Step) error {
	var left []string
	for _, step := range steps {
		if gone, ok := step.(model.DeleteNode); ok {
			left = append(left, gone.Machine.Marker.Node)
		}
	}
	if len(left) == 0 {
		return errors.New("the rollout stops here; fix the cause and apply again to resume")
	}
	slices.Sort(left)
	count := "1 node is left as it is"
	if len(left) > 1 {
		count = fmt.Sprintf("%d nodes are left as they are", len(left))
	}
	return fmt.Errorf("the rollout stops here, and %s: %s; fix the cause and apply again to resume", count, model.Listed(left))
}
