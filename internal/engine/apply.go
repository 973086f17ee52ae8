package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Request is the desired state of a cluster or gateway.
type Request struct {
	Spec model.ClusterSpec
	// Secrets are those of the state. Without Authorities, only what is built from its
	// first node is, with others; a Kubeconfig is issued when there is none.
	Secrets *model.Secrets
	// Shown is what `terraform plan` has shown; nil where it could not be known.
	Shown *[]model.Change
	// Parents are what must not be deleted while the cluster exists: the cloud
	// account. Its gateway knows of it by the ledger.
	Parents []uuid.UUID
	// ImportData is stored in the cluster beside the authorities.
	ImportData map[string][]byte
}

// Outcome is how an apply ended. It is never nil. It holds an id as soon as anything
// may have been changed, whatever failed after.
type Outcome struct {
	ID uuid.UUID
	// Incarnation is the creation that the record belongs to: the state's from now on.
	Incarnation record.Incarnation
	Changes     []model.Change
	// GatewayProxy is as in the spec, with what a creation has taken.
	GatewayProxy *record.Proxy
	// APIReached reports whether the API has answered at least once. A failure after
	// that is for the next apply to repair, no reason to build everything again.
	APIReached bool
	Status     *model.Status
	// Warnings are what a user should know although the apply succeeded.
	Warnings []model.Finding
}

// Apply brings the world to what the request says. Killed anywhere, the next call
// converges.
func (e *Engine) Apply(ctx context.Context, req Request) (*Outcome, error) {
	ctx, progress, ended := e.begin(ctx, model.RunApply, req.Spec.Ref)
	out, err := e.apply(ctx, req, progress)
	ended(err)
	return out, err
}

func (e *Engine) apply(ctx context.Context, req Request, progress *run.Progress) (*Outcome, error) {
	out := &Outcome{}
	turn, err := e.gatewayTurn(ctx, &req.Spec)
	if err != nil {
		return out, err
	}
	spec := req.Spec
	out.GatewayProxy = spec.GatewayProxy
	// What takes as long as a download is done before others wait for the lock.
	e.resolveCharts(ctx, &req.Spec)
	ctx, lease, err := e.lock(ctx, spec.Target())
	if err != nil {
		return out, err
	}
	// It serves the first look alone: what comes later may come after a wait.
	listed := lease.Snapshot()
	w, todo, err := e.settled(ctx, e.Builder, func(ctx context.Context) (*observe.World, *model.Plan, error) {
		defer func() { listed = nil }()
		spec = req.Spec
		return e.underLock(ctx, lease, listed, &req, &spec)
	})
	if err != nil {
		return out, release(ctx, lease, err)
	}
	if err := approve(&req, &w.Facts, todo); err != nil {
		return out, release(ctx, lease, err)
	}
	out.ID = spec.ID
	out.Changes = todo.Changes()
	if renewsAuthorities(&spec, &w.Facts, todo) {
		if err := e.renewAuthorities(req.Secrets, w); err != nil {
			return out, release(ctx, lease, err)
		}
		spec.SetBuiltWith(req.Secrets)
	}

	r := e.runner(e.Builder, w, lease, run.Config{
		Spec: &spec, Secrets: req.Secrets, Parents: req.Parents, ImportData: req.ImportData, Progress: progress,
	})
	err = r.Execute(ctx, todo)
	if err == nil && !todo.Empty() {
		err = r.ReleaseUnusedIPPools(ctx, spec.IPPools())
	}
	out.APIReached = r.APIReached()
	out.Incarnation = r.Incarnation()
	if r.FirstBootFailed() && !out.APIReached && spec.Restore == nil {
		err = errors.Join(err, e.renewAuthorities(req.Secrets, w))
	}
	err = errors.Join(err, finish(ctx, r, &w.Facts, todo, err))
	out.Warnings = slices.Concat(turn, waitedFor(spec.Describe(), lease), avoidedAddresses(w), r.Warnings())
	out.Status, err = e.statusAfter(ctx, spec, req.Secrets, w, err)
	if out.Status != nil {
		// For others to read; where it fails, the next run notes it.
		_ = r.NoteDegraded(ctx, out.Status.State == model.StateDegraded)
	}
	return out, release(ctx, lease, err)
}

// finish stores what the cluster is imported with. An API that did not answer, and of which
// nothing was wanted, is not asked again.
func finish(ctx context.Context, r *run.Runner, facts *model.Facts, todo *model.Plan, failed error) error {
	if !todo.Empty() || facts.API.Answered() {
		return r.Finish(ctx, failed)
	}
	return r.MarkComplete(ctx, nil, failed)
}

// underLock observes and plans as an apply does that holds the lock.
func (e *Engine) underLock(
	ctx context.Context, lease *ledger.Lease, listed *ledger.Snapshot, req *Request, spec *model.ClusterSpec,
) (*observe.World, *model.Plan, error) {
	spec.SetBuiltWith(req.Secrets)
	w, err := e.observeUnderLock(ctx, lease, listed, spec, req.Secrets)
	if err != nil {
		return nil, nil, err
	}
	if err := e.identify(spec, w); err != nil {
		return nil, nil, err
	}
	*spec = spec.Resolved(w.Limits.Site).WithVMTags(w.Limits.VMTags.Found)
	if req.Shown != nil {
		spec.ShownRepairs(*req.Shown)
	}
	todo := plan.Cluster(spec, &w.Facts)
	e.check(spec, w, todo)
	return w, todo, nil
}

// observeUnderLock observes for an apply. Of a creation whose record was not listed when
// the lock stood, none is read: where there is one that may not be listed, registering the
// creation fails before anything else is changed.
func (e *Engine) observeUnderLock(
	ctx context.Context, lease *ledger.Lease, listed *ledger.Snapshot, spec *model.ClusterSpec, secrets *model.Secrets,
) (*observe.World, error) {
	o := e.observer(true)
	o.Listed = listed
	o.LeavesReleases = true
	if spec.New && !lease.RecordListed() {
		return o.Recorded(ctx, spec, model.Record{}, secrets)
	}
	return o.Spec(ctx, spec, secrets)
}

// identify gives a creation its id, that of an unfinished one that it takes over, and
// its incarnation. A state that has lost its incarnation has the record's.
func (e *Engine) identify(spec *model.ClusterSpec, w *observe.World) error {
	spec.ID = w.ID
	if spec.ID == uuid.Nil {
		spec.ID = uuid.New()
	}
	if !spec.New {
		spec.Incarnation = cmp.Or(spec.Incarnation, w.Facts.Record.Incarnation)
		return nil
	}
	var err error
	spec.Incarnation, err = record.NewIncarnation(e.random())
	return err
}

// approve stops an apply before anything is changed: where the plan has problems, where
// it would do what no plan has shown, and where it lacks what its steps need.
func approve(req *Request, facts *model.Facts, todo *model.Plan) error {
	if err := todo.Err(); err != nil {
		return err
	}
	missing := missingPools(todo)
	if r := req.Spec.Registry; r.Username != "" && r.Password == "" && buildsMachines(todo) {
		missing.Refuse(model.ClusterField(model.FieldRegistryPassword), "Password of registries missing",
			"Nodes log in to registries as the user of registry.username, and the password was not given. Set password_wo of registry, "+
				"whose value has to be known in the apply.")
	}
	if err := missing.Err(); err != nil {
		return err
	}
	if req.Shown != nil && !plan.Resumes(&req.Spec, facts) {
		if unseen := todo.Unseen(*req.Shown); len(unseen) > 0 {
			return &model.MovedError{Unseen: unseen}
		}
	}
	if err := run.CheckSnapshots(todo); err != nil {
		return err
	}
	if req.Secrets.Authorities == nil && !begins(todo) {
		return fmt.Errorf("the certificate authorities of %s are not in the state; import it again", req.Spec.Describe())
	}
	return nil
}

// missingPools refuses a plan without the IP pools that it needs.
func missingPools(todo *model.Plan) model.Findings {
	var missing model.Findings
	for _, pool := range todo.MissingIPPools {
		if pool.Damage != nil {
			missing.Refuse(pool.Field, "IP pool record damaged", "Unable to read the record of the IP pool %s: %s.", pool.ID, pool.Damage)
			continue
		}
		missing.Refuse(pool.Field, "IP pool not found",
			"No IP pool with the id %q is registered in this vCenter. Create the pool first, and reference its id.", pool.ID)
	}
	return missing
}

// buildsMachines reports whether a plan makes VMs that boot.
func buildsMachines(todo *model.Plan) bool {
	return slices.ContainsFunc(todo.Steps(), func(step model.Step) bool {
		switch step.(type) {
		case model.CreateNode, model.CreateLoadBalancer, model.ReplaceLoadBalancer:
			return true
		}
		return false
	})
}

// waitedFor says for which other run this one has waited, if it has.
func waitedFor(subject string, lease *ledger.Lease) []model.Finding {
	waited := lease.Waited()
	if waited == nil {
		return nil
	}
	return []model.Finding{model.NewFinding(model.ClusterField(model.FieldClusterName),
		"Waited for another run", "Another run was working on %s: %s.", subject, waited)}
}

// avoidedAddresses warns of addresses that were not handed out because a VM that
// has no claim on them reports them: one warning for each pool, since Terraform
// shows only the first of several that have the same summary.
func avoidedAddresses(w *observe.World) []model.Finding {
	var warnings []model.Finding
	for _, pool := range w.IPPools {
		if avoided := w.Snapshot.Avoided(pool); len(avoided) > 0 {
			warnings = append(warnings, model.Finding{
				Summary: fmt.Sprintf("Addresses of IP pool %q are used by other VMs", pool.Name),
				Detail: fmt.Sprintf("VMs report addresses that would have been handed out and that no claim holds: %s. They were not handed out. "+
					"Give the VMs other addresses, or set these as excluded_addresses of the pool.", plan.AddressWords(avoided)),
			})
		}
	}
	slices.SortFunc(warnings, func(a, b model.Finding) int { return cmp.Compare(a.Detail, b.Detail) })
	return warnings
}

// statusAfter observes once more at the end of an apply. That the observation fails
// does not hide how the apply ended.
func (e *Engine) statusAfter(
	ctx context.Context, spec model.ClusterSpec, secrets *model.Secrets, before *observe.World, failed error,
) (*model.Status, error) {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
	}
	var w *observe.World
	o := e.observer(true)
	o.IPPools = before.Limits.IPPools
	o.IgnoresDrift = true // a status says nothing of it
	if failed == nil {
		// What was claimed and released since is in it, unless an answer was lost.
		o.Listed = before.Snapshot
	}
	err := run.Retry(ctx, e.Timing, func(ctx context.Context) (err error) {
		w, err = o.Target(ctx, spec.Target(), secrets)
		return err
	})
	if err != nil {
		return nil, cmp.Or(failed, err)
	}
	spec.SetBuiltWith(secrets)
	return plan.Status(&spec, &w.Facts, o.Checks(ctx, w, &spec), e.now()), failed
}
