package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// askMembers asks the API servers of a control plane themselves where the load balancer in
// front of them does not lead to one. That its guest says nothing is no proof that it does not
// forward, nor is that the API does not answer: only that one answers which is behind it is.
// The endpoint is asked once more after that: it may have been away for a moment.
func (o Observer) askMembers(ctx context.Context, w *World, secrets *model.Secrets) {
	lb := w.Facts.LoadBalancer
	if w.API == nil || lb == nil || !lb.PoweredOn || answers(w.apiFailed) {
		return
	}
	found := make(chan netip.Addr, len(w.Facts.Record.Members))
	var running sync.WaitGroup
	for _, address := range w.Facts.Record.Members {
		running.Go(func() {
			if o.answersItself(ctx, address, secrets) {
				found <- address
			}
		})
	}
	running.Wait()
	close(found)
	var first netip.Addr
	for address := range found {
		if !first.IsValid() || address.Less(first) {
			first = address
		}
	}
	if !first.IsValid() {
		return
	}
	lease := cmp.Or(lb.Lease, lb.Address, w.Facts.Record.LoadBalancer.Address)
	why := o.notFromHere(ctx, lease, secrets)
	if !answers(w.API.Ready(ctx)) {
		w.Facts.API.AnswersAt = first
		w.Facts.API.NotFromHere = why
	}
}

// notFromHere says why an endpoint that does not answer is no sign of a load balancer that does
// not forward: it answers at its own lease, so that only the way to the endpoint fails, or there
// is no way to it from here. Empty: it does not forward.
func (o Observer) notFromHere(ctx context.Context, lease netip.Addr, secrets *model.Secrets) string {
	if !lease.IsValid() {
		return ""
	}
	api, err := o.Kube.ConnectAt(secrets.Kubeconfig, lease)
	if err == nil {
		err = api.Ready(ctx)
	}
	switch {
	case answers(err):
		return fmt.Sprintf("It answers at its own address, %s.", lease)
	case errors.Is(err, model.ErrNoWay):
		return fmt.Sprintf("Whether it forwards cannot be asked from here: %v.", err)
	}
	return ""
}

// answers reports whether an error, or none, is the answer of an API server.
func answers(err error) bool {
	return err == nil || errors.Is(err, model.ErrNotReady) || errors.Is(err, model.ErrPermission)
}

// answersItself reports whether the API server of a node is ready.
func (o Observer) answersItself(ctx context.Context, address netip.Addr, secrets *model.Secrets) bool {
	api, err := o.Kube.ConnectAt(secrets.Kubeconfig, address)
	return err == nil && api.Ready(ctx) == nil
}
