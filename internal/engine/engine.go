// Package engine builds, changes and deletes clusters and gateways.
//
// It observes the world (ledger, vCenter, the cluster's API), plans the steps
// from what is wanted and what is, purely, and runs them. It knows neither
// Terraform nor govmomi: the world is seen through the interfaces of ports.go
// and the ledger. Nothing is remembered between two calls.
package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// Engine runs plans. Its fields are set once and not changed after.
type Engine struct {
	// Reader has the provider's identity: it observes and deletes. Builder has
	// the cloud account's: it creates and changes. They may be the same.
	Reader  VCenter
	Builder VCenter
	Ledger  *ledger.Ledger
	Kube    Kube

	// Parallel bounds the vCenter tasks that run at the same time.
	Parallel int
	Timing   Timing
	// Report is told what happens while it happens. It may be nil.
	Report func(context.Context, Event)

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: crypto/rand
}

// Event is a line of what happened.
type Event struct {
	Step    Change
	Message string
}

// Secrets are what only the state holds: the certificate authorities and the
// administrator's kubeconfig made from them.
type Secrets struct {
	Authorities *pki.Authorities `json:"authorities"`
	Kubeconfig  []byte           `json:"kubeconfig,omitempty"`
	// VCenter is the instance UUID of the vCenter that they are used in.
	VCenter string `json:"vcenter,omitempty"`
}

// Target names a cluster or gateway.
type Target struct {
	Kind      Kind
	ID        string
	GatewayID string
	Name      string
	// OwnPool is the name of the IP pool that a gateway brought along.
	OwnPool string
}

// Target names what the spec is about.
func (s *ClusterSpec) Target() Target {
	t := Target{Kind: s.Kind, ID: s.ID, GatewayID: s.GatewayID, Name: s.Name}
	if s.OwnPool != nil {
		t.OwnPool = s.OwnPool.Name
	}
	return t
}

// Plan observes and plans. It changes nothing.
//
// Remembered is what the last look remembers; its steps are what an apply is
// expected to do, and where there are none, vCenter is not even asked. What
// speaks against them is looked up now. Terraform plans a second time in the
// apply and takes it for a bug when that comes out otherwise; for the same
// reason the steps of a creation follow from the spec alone.
func (e *Engine) Plan(ctx context.Context, spec ClusterSpec, secrets *Secrets, remembered *Observed) (*Plan, error) {
	var expected *Plan
	if remembered != nil && remembered.ready(spec.New) {
		if expected = plan(&spec, remembered); len(expected.Steps) == 0 {
			return expected, nil
		}
	}
	obs, _, err := e.observe(ctx, &spec, secrets)
	if err != nil {
		return nil, err
	}
	now := plan(&spec, obs)
	switch {
	case len(now.Problems) > 0 || now.Unknown:
	case expected != nil:
		now.Steps = expected.Steps
	case spec.New:
		now.Steps = plan(&spec, spec.nothing()).Steps
		if obs.Record != nil {
			now.Unfinished = idString(obs.Record.ID)
		}
	}
	return now, nil
}

// Request is a cluster or gateway that is wanted.
type Request struct {
	Spec    ClusterSpec
	Secrets *Secrets // Authorities must be set; Kubeconfig is made when it is nil
	// Shown is what `terraform plan` has shown; nil where it could not be known.
	Shown *[]Change
	// Parents are ids of what is not deleted as long as the cluster is there: the
	// cloud account. Its gateway knows of it by the ledger.
	Parents []string
	// Keep is kept in the cluster beside the authorities, for import.
	Keep map[string][]byte
}

// Outcome is how an apply ended. It is never nil. An id stands in it as soon as
// something may have been touched, whatever failed after.
type Outcome struct {
	ID      string
	Changes []Change
	// Answered tells whether the API has answered at least once. A failure after
	// that is something to mend, no reason to build everything again.
	Answered bool
	Status   *Status
	// Warnings are what a user should know although it has worked.
	Warnings []Problem
}

// Apply brings the world to what the request says. Killed anywhere, the next
// call converges.
func (e *Engine) Apply(ctx context.Context, req Request) (*Outcome, error) {
	spec := req.Spec
	out := &Outcome{}
	if req.Secrets == nil || req.Secrets.Authorities == nil {
		return out, fmt.Errorf("the certificate authorities of %s %q are not in the state; import it again", spec.Kind, spec.Name)
	}
	lease, err := e.Ledger.Lock(ctx, e.recordID(spec.Target()), holderName())
	if err != nil {
		return out, err
	}
	ctx = lease.Context()
	obs, api, err := e.observe(ctx, &spec, req.Secrets)
	if err != nil {
		return out, e.release(ctx, lease, err)
	}
	if spec.ID == "" {
		spec.ID = uuid.NewString()
	}
	todo := plan(&spec, obs)
	if err := approve(req, todo); err != nil {
		return out, e.release(ctx, lease, err)
	}
	out.ID, out.Changes = spec.ID, todo.Changes()

	r := e.newRun(e.Builder, &spec, req, obs, lease, api)
	err = r.all(ctx, todo)
	if err == nil && len(todo.Steps) > 0 {
		err = r.leavePools(ctx, spec.poolsOfSpec())
	}
	out.Answered = r.answered()
	if len(todo.Steps) > 0 || obs.APIAnswered() {
		err = errors.Join(err, r.finish(ctx, err))
	}
	err = errors.Join(err, r.handOver(ctx))
	out.Warnings = obs.strangers()
	out.Status, err = e.statusAfter(ctx, &spec, req.Secrets, err)
	return out, e.release(ctx, lease, err)
}

// approve stops an apply before anything is touched: where the plan has
// problems, and where it would do what nobody has seen.
func approve(req Request, todo *Plan) error {
	if err := todo.Err(); err != nil {
		return err
	}
	for _, damage := range todo.Damaged {
		return fmt.Errorf("read the record of an IP pool that the placements name: %w", damage)
	}
	if todo.Unknown {
		return errors.New("an IP pool that the placements name is not registered in this vCenter: create the pool first, and reference its id")
	}
	// A creation that takes over another one clears away what that has left: it is
	// told that it does, and how far the other one came shows only now.
	takesOver := todo.observed.Record != nil && !todo.observed.ready(req.Spec.New)
	if req.Shown != nil && !takesOver {
		if extra := unseen(*req.Shown, todo.Steps); len(extra) > 0 {
			return &MovedError{Unseen: extra}
		}
	}
	return nil
}

// Destroy deletes what the target names and everything that Gantry made for it.
// What is gone already is success.
func (e *Engine) Destroy(ctx context.Context, target Target, secrets *Secrets) error {
	lease, err := e.Ledger.Lock(ctx, e.recordID(target), holderName())
	if err != nil {
		return err
	}
	ctx = lease.Context()
	obs, err := e.observeTarget(ctx, target, nil)
	if err == nil {
		err = e.readChildren(ctx, target, obs)
	}
	if err != nil {
		return e.release(ctx, lease, err)
	}
	todo := planDestroy(target, obs)
	if err := todo.Err(); err != nil {
		return e.release(ctx, lease, err)
	}
	spec := &ClusterSpec{Kind: target.Kind, ID: target.ID, Name: target.Name, GatewayID: target.GatewayID}
	r := e.newRun(e.Reader, spec, Request{Secrets: secrets}, obs, lease, nil)
	r.down = true
	return e.release(ctx, lease, r.all(ctx, todo))
}

// PlanDestroy tells what Destroy would do.
func (e *Engine) PlanDestroy(ctx context.Context, target Target) (*Plan, error) {
	obs, err := e.observeTarget(ctx, target, nil)
	if err == nil {
		err = e.readChildren(ctx, target, obs)
	}
	if err != nil {
		return nil, err
	}
	return planDestroy(target, obs), nil
}

// release gives the lock back, however the run has ended: what a failed run has
// left undone, the next one finds by looking, not by being told.
func (e *Engine) release(ctx context.Context, lease *ledger.Lease, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	if rerr := lease.Release(ctx); rerr != nil && err == nil {
		return fmt.Errorf("release the lock: %w", rerr)
	}
	return err
}

func (e *Engine) recordID(t Target) uuid.UUID {
	return e.Ledger.ID(t.ledgerRef())
}

// ownPoolID is the id of the IP pool that a gateway brings along; nil where it
// brings none.
func (e *Engine) ownPoolID(t Target) uuid.UUID {
	if t.OwnPool == "" {
		return uuid.Nil
	}
	return e.Ledger.ID(record.Ref{Kind: record.KindIPPool, GatewayID: ledgerID(t.ID), Name: t.OwnPool})
}

func (t Target) ledgerRef() record.Ref {
	return record.Ref{Kind: t.ledgerKind(), GatewayID: ledgerID(t.GatewayID), Name: t.Name}
}

func (t Target) ledgerKind() record.Kind {
	if t.Kind == KindGateway {
		return record.KindGateway
	}
	return record.KindCluster
}

func (e *Engine) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}

func (e *Engine) rand() io.Reader {
	if e.Rand != nil {
		return e.Rand
	}
	return rand.Reader
}
