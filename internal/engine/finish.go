package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// finish writes down what the run has reached, also where some of its steps
// failed: what import needs into the cluster, what is still to be done into the
// record.
func (r *run) finish(ctx context.Context, failed error) error {
	var errs []error
	if stopped := ctx.Err() != nil; stopped || !r.answered() {
		return errors.Join(errs...)
	}
	if failed == nil {
		errs = append(errs, r.awaitReady(ctx))
	}
	errs = append(errs, r.keep(ctx), r.settle(ctx))
	return errors.Join(errs...)
}

// keep writes the authorities, the packs that were applied and what import
// needs into Secrets of kube-system, if they differ.
func (r *run) keep(ctx context.Context) error {
	api, err := r.waitAPI(ctx)
	if err != nil {
		return err
	}
	secrets, err := json.Marshal(r.req.Secrets)
	if err != nil {
		return err
	}
	packs, err := json.Marshal(r.packs)
	if err != nil {
		return err
	}
	kept := map[string][]byte{packsKey: packs}
	for k, v := range r.req.Keep {
		kept[k] = v
	}
	for name, data := range map[string]map[string][]byte{
		SecretPKI:     {"id": []byte(r.spec.ID), "secrets": secrets},
		SecretCluster: kept,
	} {
		if err := api.PutSecret(ctx, name, data); err != nil {
			return fmt.Errorf("write the Secret %s: %w", name, err)
		}
	}
	return nil
}

// settle takes the numbers of nodes that have joined out of the record.
func (r *run) settle(ctx context.Context) error {
	nodes, err := r.nodes(ctx)
	if err != nil {
		return err
	}
	return r.change(ctx, func(ctx context.Context) error {
		return r.record.update(ctx, func(b *record.Cluster) {
			for pool, ns := range b.Pending {
				ns = slices.DeleteFunc(slices.Clone(ns), func(n int) bool {
					_, joined := nodes[NodeName(r.spec.Name, pool, n)]
					return joined
				})
				b.Pending[pool] = ns
				if len(ns) == 0 {
					delete(b.Pending, pool)
				}
			}
		})
	})
}

// awaitReady waits until every node is Ready. Without a pack that brings a pod
// network no node ever is, and nobody waits.
func (r *run) awaitReady(ctx context.Context) error {
	if !r.spec.hasCNI() {
		return nil
	}
	return r.poll(ctx, r.e.Timing.ReadyWait, func(ctx context.Context) error {
		nodes, err := r.nodes(ctx)
		if err != nil {
			return err
		}
		var not []string
		for name, n := range nodes {
			if !n.Ready {
				not = append(not, name+" ("+n.Reason+")")
			}
		}
		slices.Sort(not)
		if len(not) > 0 {
			return fmt.Errorf("nodes are not Ready: %s", strings.Join(not, ", "))
		}
		return nil
	})
}

// LayerCNI is the layer of the pack that brings the pod network.
const LayerCNI = "cni"

func (s *ClusterSpec) hasCNI() bool {
	return slices.ContainsFunc(s.Packs, func(k Pack) bool { return k.Layer == LayerCNI })
}
