package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// run carries out one plan under one lock.
type run struct {
	e     *Engine
	spec  *ClusterSpec
	req   Request
	obs   *Observed
	lease *ledger.Lease
	vc    VCenter // who does the work: the builder, or on the way down the reader
	watch *watcher
	slots chan struct{}
	down  bool // this run destroys

	record  recordKeeper
	planned recordChange
	rebuilt map[string]string // the IP pool of each node that the plan creates
	join    joiner
	zones   func(context.Context) (map[string]Zone, error)

	mu     sync.Mutex
	folder string // reference of the VM folder
	vip    netip.Addr
	extra  netip.Addr
	packs  map[string]string

	apiMu    sync.Mutex // held while somebody waits for the API, so that all wait once
	api      API
	apiReady bool  // it has answered in this run
	apiErr   error // it has not, in the time that it was given
}

func (e *Engine) newRun(vc VCenter, spec *ClusterSpec, req Request, obs *Observed, lease *ledger.Lease, api API) *run {
	r := &run{e: e, spec: spec, req: req, obs: obs, lease: lease, api: api, vc: vc, packs: map[string]string{}}
	r.watch = newWatcher(r.vc, e.Timing)
	r.slots = make(chan struct{}, max(e.Parallel, 1))
	r.record = recordKeeper{ledger: e.Ledger, id: obs.RecordID, body: obs.Record}
	r.join = joiner{run: r}
	r.zones = once(r.readZones)
	if obs.Survey.Site != nil {
		r.folder = obs.Survey.Site.Folder
	}
	for name, hash := range obs.Packs {
		r.packs[name] = hash
	}
	if len(spec.ControlPlane.Placements) > 0 {
		pool := spec.ControlPlane.Placements[0].IPPoolID
		r.vip, _ = obs.endpointOf(pool, OwnerVIP)
		r.extra, _ = obs.endpointOf(pool, OwnerExtra)
	}
	return r
}

// do is the one place from which every step is run.
func (r *run) do(ctx context.Context, s Step) error {
	switch s.Action {
	case ActionRegister:
		return r.register(ctx)
	case ActionRegisterPool:
		return r.registerPool(ctx)
	case ActionUnregisterPool:
		return r.unregisterPool(ctx)
	case ActionCreateFolder:
		return r.ensureFolder(ctx)
	case ActionReserveEndpoint:
		return r.reserveEndpoint(ctx)
	case ActionClaimAddress:
		return r.claimAgain(ctx, *s.claim)
	case ActionReleaseAddress:
		return r.releaseAddress(ctx, *s.claim)
	case ActionForgetNode:
		return r.forgetNode(ctx, s.Target)
	case ActionDeleteNode:
		return r.deleteNode(ctx, s)
	case ActionCreateNode:
		return r.createNode(ctx, s)
	case ActionWipeUserdata:
		return r.wipeUserdata(ctx, s.node.machine.Ref, s.Target)
	case ActionLabelNode:
		return r.labelNode(ctx, s.Target, s.node.meta)
	case ActionUncordonNode:
		return r.uncordonNode(ctx, s.Target)
	case ActionApplyPack:
		return r.applyPack(ctx, s.pack)
	case ActionRenewKubeconfig:
		return r.renewKubeconfig()
	case ActionKeep:
		return nil // finish does it, after every apply
	case ActionReleaseEndpoint:
		return r.releaseEndpoint(ctx)
	case ActionDeleteFolder:
		return r.deleteFolder(ctx, s.Target)
	case ActionUnregister:
		return r.unregister(ctx)
	default:
		return fmt.Errorf("no such step: %s", s.Action)
	}
}

// StepError is a step that failed.
type StepError struct {
	Step Change
	Err  error
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Err }

// all runs the stages of a plan one after the other, and the steps of a stage
// side by side. On the way up a worker or a pack that fails does not keep the
// others from being tried; anything before them does, and so does everything on
// the way down. Nothing is rolled in a cluster in which something has failed.
func (r *run) all(ctx context.Context, p *Plan) error {
	r.planned, r.rebuilt = p.record, p.rebuilds()
	if err := r.writeAhead(ctx, p); err != nil {
		return err
	}
	if err := r.moveParents(ctx); err != nil {
		return err
	}
	defer r.join.cleanUp(ctx)
	var failed []error
	for steps := p.Steps; len(steps) > 0; {
		if len(failed) > 0 && steps[0].stage >= stageRoll {
			failed = append(failed, rollStopped(steps))
			break
		}
		n := 1
		for n < len(steps) && steps[n].stage == steps[0].stage {
			n++
		}
		failed = append(failed, r.sideBySide(ctx, steps[:n])...)
		if ctx.Err() != nil {
			return errors.Join(append(failed, context.Cause(ctx))...)
		}
		if len(failed) > 0 && (r.down || steps[0].stage < stageWorkers) {
			break
		}
		steps = steps[n:]
	}
	return errors.Join(failed...)
}

func (r *run) sideBySide(ctx context.Context, steps []Step) []error {
	errs := make([]error, len(steps))
	var group sync.WaitGroup
	for i, s := range steps {
		group.Go(func() {
			r.report(ctx, s.Change, "started")
			if err := r.do(ctx, s); err != nil {
				errs[i] = &StepError{s.Change, err}
				r.report(ctx, s.Change, "failed: "+err.Error())
				return
			}
			r.report(ctx, s.Change, "done")
		})
	}
	group.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func (r *run) report(ctx context.Context, step Change, message string) {
	if r.e.Report != nil {
		r.e.Report(ctx, Event{Step: step, Message: message})
	}
}

// task starts a vCenter task and waits for it. The lock is checked before
// anything is changed; a transient fault of the call or the task is retried.
func (r *run) task(ctx context.Context, start func(context.Context) (string, error)) (TaskState, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return TaskState{}, context.Cause(ctx)
	}
	var state TaskState
	err := r.e.Timing.retry(ctx, func(ctx context.Context) error {
		if err := r.lease.Check(ctx); err != nil {
			return err
		}
		ref, err := start(ctx)
		if err != nil {
			return err
		}
		state, err = r.watch.task(ctx, ref)
		return err
	})
	return state, err
}

// change does a change that is one call, under the same rules as a task.
func (r *run) change(ctx context.Context, call func(context.Context) error) error {
	return r.e.Timing.retry(ctx, func(ctx context.Context) error {
		if err := r.lease.Check(ctx); err != nil {
			return err
		}
		return call(ctx)
	})
}

// endpointURL is where the cluster's API answers.
func (r *run) endpointURL() string {
	return "https://" + netip.AddrPortFrom(r.vip, bootstrap.APIServerPort).String()
}

// answered tells whether the API has answered at least once.
func (r *run) answered() bool {
	return r.record.ready()
}

func (r *run) readZones(ctx context.Context) (map[string]Zone, error) {
	site := r.obs.Survey.Site
	seen := map[string]bool{}
	var clusters []string
	for _, pl := range site.Placements {
		if pl.ComputeCluster != "" && !seen[pl.ComputeCluster] {
			seen[pl.ComputeCluster] = true
			clusters = append(clusters, pl.ComputeCluster)
		}
	}
	zones, err := r.vc.Zones(ctx, site.Datacenter, clusters)
	if err != nil {
		return nil, fmt.Errorf("read the zone tags: %w", err)
	}
	return zones, nil
}

// once makes a read that many steps share happen once. A failure is not kept.
func once[T any](read func(context.Context) (T, error)) func(context.Context) (T, error) {
	var mu sync.Mutex
	var have bool
	var value T
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if have {
			return value, nil
		}
		v, err := read(ctx)
		if err == nil {
			value, have = v, true
		}
		return v, err
	}
}

// poll calls until the answer is nil or the time is up, and then tells the last
// answer that was not cut off by that. It is for the cluster's API, never for vCenter.
func (r *run) poll(ctx context.Context, limit time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := r.e.Timing.Tick
	var last error
	for {
		err := call(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return fmt.Errorf("not within %s: %w", limit, last)
			}
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(pause*3/2, r.e.Timing.MaxTick)
	}
}
