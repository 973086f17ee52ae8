package observe

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Checks reads what only a status says, all at once. That something cannot be read is an
// observation, not an error.
func (o Observer) Checks(ctx context.Context, w *World, spec *model.ClusterSpec) *model.HealthChecks {
	checks := &model.HealthChecks{}
	var running sync.WaitGroup
	defer running.Wait()
	if w.API != nil && !errors.Is(w.apiFailed, model.ErrNotReached) {
		running.Go(func() {
			if err := w.API.Ready(ctx); errors.Is(err, model.ErrNotReady) {
				checks.NotReady = err
			}
		})
	}
	if nodes := withStoragePolicy(&w.Facts); len(nodes) > 0 {
		running.Go(func() { checks.Storage, checks.StorageError = o.storageCompliance(ctx, nodes) })
	}
	if !w.Facts.API.Answered() {
		return checks
	}
	if spec.Kind == record.KindCluster {
		running.Go(func() {
			var err error
			checks.Services, err = w.API.Services(ctx)
			checks.ServicesRead = err == nil
		})
	}
	if spec.UsageLimits != nil {
		running.Go(func() { checks.Usage, checks.UsageError = w.API.Usage(ctx) })
	}
	running.Go(func() { checks.ControlPlane, checks.ControlPlaneError = w.API.ControlPlane(ctx) })
	if vms := labelled(&w.Facts); len(vms) > 0 {
		running.Go(func() { checks.Zones, checks.ZonesError = o.VCenter.MachineZones(ctx, vms, o.MaxAge) })
	}
	return checks
}

// labelled are the VMs of nodes that have a label of the topology, by reference.
func labelled(facts *model.Facts) []string {
	var vms []string
	for _, m := range facts.Machines {
		labels := facts.API.Nodes[m.Marker.Node].Labels
		if labels[model.LabelRegion] != "" || labels[model.LabelZone] != "" {
			vms = append(vms, m.Ref)
		}
	}
	return vms
}

// withStoragePolicy are the nodes whose VMs have a storage policy, by the references of these.
func withStoragePolicy(facts *model.Facts) map[string]string {
	nodes := map[string]string{}
	for _, m := range facts.Machines {
		if m.Marker.StoragePolicy != "" {
			nodes[m.Ref] = m.Marker.Node
		}
	}
	return nodes
}

// storageCompliance returns whether nodes comply with their storage policies, by name.
func (o Observer) storageCompliance(ctx context.Context, nodes map[string]string) (map[string]model.StorageCompliance, error) {
	found, err := o.VCenter.StorageCompliance(ctx, slices.Sorted(maps.Keys(nodes)))
	if err != nil {
		return nil, err
	}
	byNode := map[string]model.StorageCompliance{}
	for ref, node := range nodes {
		byNode[node] = cmp.Or(found[ref], model.StorageUnknown)
	}
	return byNode, nil
}
