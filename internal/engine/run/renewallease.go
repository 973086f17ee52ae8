package run

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// renewalLease keeps control-plane nodes from renewing their certificates while the run
// adds members to etcd or takes them away: a renewal restarts the static pods of its node.
// A run that is killed leaves it to the next run, or to the nodes once it is over.
type renewalLease struct {
	mu   sync.Mutex
	stop func() // ends its renewal; nil: it is not held
}

// holdRenewals takes the Lease, or makes sure that the run has it still. A node that holds
// it is waited for, unless it is the one that is about to go without having served, or its
// VM is gone.
func (r *Runner) holdRenewals(ctx context.Context, goes string) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	var holder model.LeaseHolder
	var since time.Time
	err = poll(ctx, r.Timing, r.Timing.LeaseWait, func(ctx context.Context) error {
		over := ""
		if holder.Name == goes || r.isGone(holder.Name) || time.Since(since) > r.Timing.LeaseLife {
			over = holder.Version
		}
		other, err := api.TakeRenewalLease(ctx, over)
		if err != nil || other.Name == "" {
			return err
		}
		if other != holder {
			holder = other
			since = time.Now()
		}
		return fmt.Errorf("%s renews its certificates, and no control-plane node is added or taken away meanwhile "+
			"(Lease gantry-certificates in kube-system)", other.Name)
	})
	if err == nil {
		r.keepRenewals(ctx, api)
	}
	return err
}

// isGone reports whether vCenter says that the VM of a node does not exist any more.
func (r *Runner) isGone(node string) bool {
	return slices.ContainsFunc(r.World.Facts.Gone, func(m model.KnownMachine) bool { return m.Node == node })
}

// keepRenewals renews the Lease until it is released.
func (r *Runner) keepRenewals(ctx context.Context, api model.API) {
	l := &r.renewals
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		return
	}
	renewing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	l.stop = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		for sleep(renewing, r.Timing.LeaseLife/15) == nil {
			attempt, cancel := context.WithTimeout(renewing, r.Timing.CallTimeout)
			_, _ = api.TakeRenewalLease(attempt, "") // what fails is tried again
			cancel()
		}
	}()
}

// releaseRenewals gives the Lease back, also after a failure.
func (r *Runner) releaseRenewals(ctx context.Context) {
	l := &r.renewals
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop == nil {
		return
	}
	l.stop()
	l.stop = nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Timing.CallTimeout)
	defer cancel()
	api, err := r.api.wait(ctx)
	if err == nil {
		err = retry(ctx, r.Timing, api.ReleaseRenewalLease)
	}
	if err != nil {
		r.api.report(ctx, "the Lease gantry-certificates could not be released and ends by itself: "+err.Error())
	}
}
