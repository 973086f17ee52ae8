// Package engine builds, changes and deletes clusters and gateways. It is the
// façade of four rooms: observe reads the world (ledger, vCenter, the cluster's
// API), plan derives the steps, purely, run carries them out, and model has the
// types that they share. It knows neither Terraform nor govmomi, and nothing is
// remembered between two calls.
package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Engine runs plans. Its fields are set once and not changed after.
type Engine struct {
	// Reader has the provider's identity: it observes and deletes. Builder has the
	// cloud account's: it creates and changes. They may be the same.
	Reader  model.VCenter
	Builder model.VCenter
	// User is the cloud account's user, whose privileges plans judge; empty: the provider's
	// own. A plan reads as the provider, and needs no login of the account.
	User   string
	Ledger *ledger.Ledger
	Kube   model.Kube
	// Images opens the OVAs that templates are made of.
	Images model.ImageSource
	Charts model.Charts

	// Inside is the gateway on whose agent this process runs; uuid.Nil: it runs elsewhere.
	Inside uuid.UUID

	// PlannedIPPool is what plans know of an IP pool beyond the ledger; nil: nothing. An
	// apply goes by the ledger alone.
	PlannedIPPool func(id uuid.UUID) model.PlannedIPPool
	// PlannedZone is the value of the zone tag that this run is known to plan for an object,
	// by its reference; nil: nothing is known.
	PlannedZone func(object string) (value string, planned bool)
	// PlannedGateway is what plans know of a gateway beyond the ledger; nil: nothing.
	PlannedGateway func(id uuid.UUID) model.PlannedGateway
	// PlanUses notes what a plan takes from IP pools, and returns what other plans of the
	// same run take: of two that are made side by side, at least one finds the other.
	// Nil: there are no others.
	PlanUses func(uses map[uuid.UUID]model.IPPoolUse) map[uuid.UUID][]model.IPPoolUse

	// Parallel bounds the vCenter tasks that run at the same time.
	Parallel int
	Timing   model.Timing
	// Report is called for each event, from several goroutines. It may be nil.
	Report func(context.Context, model.Event)

	// Events has runs write what happens into the cluster, and to its VMs in vCenter where
	// the account may.
	Events bool

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: crypto/rand
}

// observer reads the world. Under a lock only reads that begin after it was taken
// count.
func (e *Engine) observer(locked bool) observe.Observer {
	maxAge := e.Timing.ReadMaxAge
	if locked {
		maxAge = 0
	}
	return observe.Observer{
		VCenter:        e.Reader,
		Ledger:         e.Ledger.Recent(maxAge),
		PoolLedger:     e.Ledger.Recent(e.Timing.ReadMaxAge),
		Kube:           e.Kube,
		Charts:         e.Charts,
		MaxAge:         maxAge,
		TemplateMaxAge: e.Timing.ReadMaxAge,
		Inside:         e.Inside,
	}
}

// planner reads the world for a plan.
func (e *Engine) planner() observe.Observer {
	o := e.observer(false)
	o.Planned = e.PlannedIPPool
	return o
}

// readForSteps reads what only the steps of a plan need: the zones of new nodes, and what
// the user lacks who would carry them out.
func (e *Engine) readForSteps(ctx context.Context, spec *model.ClusterSpec, w *observe.World, p *model.Plan) {
	e.checkImages(ctx, spec, w, p)
	site := w.Limits.Site
	e.planner().ReadZones(ctx, w, plan.NeedsZones(p), e.PlannedZone)
	snapshots := plan.StoresSnapshot(p, site, w.Facts.Record.Snapshots)
	e.planner().ReadPrivileges(ctx, w, e.User, plan.Privileges(spec, &w.Facts, p, site), snapshots)
}

// judge adds to a plan what speaks against it, other plans of the same run included.
func (e *Engine) judge(spec *model.ClusterSpec, w *observe.World, p *model.Plan) {
	if e.PlanUses != nil {
		for id, uses := range e.PlanUses(plan.Uses(spec, &w.Facts, p, &w.Limits)) {
			pool := w.Limits.IPPools[id]
			pool.Uses = uses
			w.Limits.IPPools[id] = pool
		}
	}
	e.check(spec, w, p)
}

// check adds to a plan what was observed against it.
func (e *Engine) check(spec *model.ClusterSpec, w *observe.World, p *model.Plan) {
	w.Limits.FreeClaims = e.Ledger.MaxClaims - w.Snapshot.Live()
	plan.Check(spec, &w.Facts, p, &w.Limits)
}

// runner makes a runner of what was observed under a lock.
func (e *Engine) runner(vc model.VCenter, w *observe.World, lease *ledger.Lease, c run.Config) *run.Runner {
	c.World = w
	c.Lease = lease
	c.VCenter = vc
	c.Reader = e.Reader
	c.Ledger = e.Ledger
	c.Kube = e.Kube
	c.Images = e.Images
	c.Charts = e.Charts
	c.Parallel = e.Parallel
	c.Events = e.Events
	c.Timing = e.Timing
	c.Now = e.now
	c.Rand = e.random()
	return run.New(c)
}

// begin reports that a run begins, and what follows of it.
func (e *Engine) begin(ctx context.Context, action model.Action, of record.Ref) (context.Context, *run.Progress, func(error)) {
	progress := run.NewProgress(of, e.Timing.ReportEvery, e.now, func(ctx context.Context, event model.Event) {
		if e.Report != nil {
			e.Report(ctx, event)
		}
	})
	ctx, ended := progress.Begin(ctx, model.Change{Action: action, Target: of.Name})
	return ctx, progress, ended
}

// lock takes the lock of a cluster's or gateway's record. The context lives as long
// as the lease.
func (e *Engine) lock(ctx context.Context, target model.Target) (context.Context, *ledger.Lease, error) {
	return e.lockBy(ctx, target, e.Ledger.Lock)
}

// lockToDelete is lock for a destruction.
func (e *Engine) lockToDelete(ctx context.Context, target model.Target) (context.Context, *ledger.Lease, error) {
	return e.lockBy(ctx, target, e.Ledger.LockToDelete)
}

func (e *Engine) lockBy(
	ctx context.Context, target model.Target, lock func(context.Context, uuid.UUID, string) (*ledger.Lease, error),
) (context.Context, *ledger.Lease, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	// Enough for a person to find the process.
	holder := fmt.Sprintf("%s pid %d %s", host, os.Getpid(), uuid.NewString()[:8])
	var lease *ledger.Lease
	run.Waiting(ctx, "the lock of its record")
	err = run.Retry(ctx, e.Timing, func(ctx context.Context) error {
		lease, err = lock(ctx, e.Ledger.ID(target.Ref), holder)
		return err
	})
	if err != nil {
		return ctx, nil, err
	}
	return lease.Context(), lease, nil
}

// settled observes and plans under the lock. Where the clone of an interrupted run may
// be under way, unseen, and the plan would get in its way, it is waited for first.
func (e *Engine) settled(
	ctx context.Context, vc model.VCenter, look func(context.Context) (*observe.World, *model.Plan, error),
) (*observe.World, *model.Plan, error) {
	patiently := func() (w *observe.World, todo *model.Plan, err error) {
		err = run.Retry(ctx, e.Timing, func(ctx context.Context) error {
			w, todo, err = look(ctx)
			return err
		})
		return w, todo, err
	}
	w, todo, err := patiently()
	if err != nil {
		return nil, nil, err
	}
	if !run.MayHaveOutlived(&w.Facts, todo) {
		return w, todo, nil
	}
	if err := run.WaitClones(ctx, vc, e.Timing); err != nil {
		return nil, nil, fmt.Errorf("wait for the clones of an interrupted run: %w", err)
	}
	// Also where none was under way: it may have ended since the VMs were read.
	return patiently()
}

// release gives the lock back, however the run has ended: what a failed run has
// left undone, the next one observes. While vCenter is away it cannot, which is no
// failure of the run: the next one takes the lock over once its heartbeat is stale.
func release(ctx context.Context, lease *ledger.Lease, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	if rerr := lease.Release(ctx); rerr != nil && err == nil && !model.Transient(rerr) {
		return fmt.Errorf("release the lock: %w", rerr)
	}
	return err
}

// RenewKubeconfig issues another kubeconfig from the same authorities where half of
// the life of the present one is over, or where its group is not that of
// administrators, and reports whether it did. It makes no call;
// the one before it works until it expires.
func (e *Engine) RenewKubeconfig(cluster string, secrets *model.Secrets) (bool, error) {
	if secrets == nil || secrets.Authorities == nil || len(secrets.Kubeconfig) == 0 {
		return false, nil
	}
	renewed, err := secrets.Authorities.RenewKubeconfig(e.random(), cluster, secrets.Kubeconfig, e.now())
	if err != nil || renewed == nil {
		return false, err
	}
	secrets.Kubeconfig = renewed
	return true, nil
}

// Status observes a cluster or gateway without changing anything. It is nil, and no
// error, when vCenter proves that nothing of it is left, no record and no VM of its
// incarnation. The facts are what planning remembers of the observation.
func (e *Engine) Status(ctx context.Context, spec model.ClusterSpec, secrets *model.Secrets) (*model.Status, *model.Facts, error) {
	o := e.observer(false)
	w, err := o.Target(ctx, spec.Target(), secrets)
	if err != nil {
		return nil, nil, err
	}
	if plan.Gone(spec.Target(), &w.Facts) {
		return nil, nil, nil
	}
	spec.SetBuiltWith(secrets)
	return plan.Status(&spec, &w.Facts, o.Checks(ctx, w, &spec), e.now()), w.Facts.PlanInputs(), nil
}

func (e *Engine) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}

func (e *Engine) random() io.Reader {
	if e.Rand != nil {
		return e.Rand
	}
	return rand.Reader
}
