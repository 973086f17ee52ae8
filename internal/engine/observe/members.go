package observe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// askMembers asks the API servers of a control plane themselves where the load balancer in
// front of them does not lead to one. That its guest says nothing is no proof that it does not
// forward, nor is that the API does not answer: only that one answers which is behind it is.
// The endpoint is asked once more after that: it may have been away for a moment.
func (o Observer) askMembers(ctx context.Context, w *World, secrets *model.Secrets) {
	if lb := w.Facts.LoadBalancer; w.API == nil || lb == nil || !lb.PoweredOn || answers(w.apiFailed) {
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
	if first.IsValid() && !answers(w.API.Ready(ctx)) {
		w.Facts.API.AnswersAt = first
	}
}

// answers reports whether an error, or none, is the answer of an API server.
func answers(err error) bool {
	return err == nil || errors.Is(err, model.ErrNotReady) || errors.Is(err, model.ErrPermission)
}

// answersItself reports whether the API server of a node is ready.
func (o Observer) answersItself(ctx context.Context, address netip.Addr, secrets *model.Secrets) bool {
	server := "https://" + net.JoinHostPort(address.String(), strconv.Itoa(bootstrap.APIServerPort))
	kubeconfig, err := pki.KubeconfigAt(secrets.Kubeconfig, server)
	if err != nil {
		return false
	}
	api, err := o.Kube.Connect(kubeconfig, secrets.Authorities.Etcd)
	return err == nil && api.Ready(ctx) == nil
}
