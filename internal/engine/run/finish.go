package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// APIReached reports whether the cluster's API has answered at least once.
func (r *Runner) APIReached() bool { return r.record.apiReached() }

// Incarnation is the creation that the record belongs to; empty where there is no
// record.
func (r *Runner) Incarnation() record.Incarnation { return r.record.current().Incarnation }

// Finish records what the run has reached, also where some of its steps failed: in
// the cluster what import needs, in the record what is still to be done.
func (r *Runner) Finish(ctx context.Context, failed error) error {
	unrecorded := r.api.ensureRecorded(ctx)
	if !r.APIReached() {
		return unrecorded
	}
	if failed != nil && !r.api.answersSoon(ctx) {
		// A failure is told without waiting long for an API: the next run writes what import needs.
		return r.MarkComplete(ctx, nil, failed)
	}

	var errs []error
	var nodes map[string]model.KubeNode
	if ctx.Err() == nil {
		if failed == nil {
			errs = append(errs, r.waitWell(ctx))
		}
		errs = append(errs, r.storeImportData(ctx), r.api.forgetCertificates(ctx))
		list, err := r.api.listNodes(ctx)
		errs = append(errs, err)
		nodes = list
	}
	finished := errors.Join(errs...)
	return errors.Join(finished, r.MarkComplete(ctx, nodes, errors.Join(failed, finished)))
}

// MarkComplete records that the run has ended, whether anything of it has failed, and
// which nodes have joined.
func (r *Runner) MarkComplete(ctx context.Context, nodes map[string]model.KubeNode, failed error) error {
	if !r.APIReached() {
		return nil
	}
	return r.record.complete(ctx, nodes, failed != nil)
}

// storeImportData writes the authorities, unless they are to be left out, the packs
// that were applied and what import needs into Secrets of kube-system, if they
// differ. The note about the authorities comes after they were written or deleted.
func (r *Runner) storeImportData(ctx context.Context) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	if err := r.readPacks(ctx, api); err != nil {
		return err
	}
	r.rememberProfiles()
	packs, err := json.Marshal(r.packs.all())
	if err != nil {
		return err
	}
	data := map[string][]byte{
		model.IDKey:    []byte(r.Spec.ID.String()),
		model.PacksKey: packs,
	}
	maps.Copy(data, r.ImportData)
	if r.Spec.OmitAuthorities {
		data[model.AuthoritiesKey] = []byte(model.AuthoritiesOmitted)
	}
	if err := r.storeAuthorities(ctx, api); err != nil {
		return fmt.Errorf("write the Secret %s: %w", model.SecretPKI, err)
	}
	if err := api.PutSecret(ctx, model.SecretCluster, data); err != nil {
		return fmt.Errorf("write the Secret %s: %w", model.SecretCluster, err)
	}
	return nil
}

// storeAuthorities writes the Secret of the authorities, or deletes it. The kubeconfig
// is not in it: import issues another.
func (r *Runner) storeAuthorities(ctx context.Context, api model.API) error {
	if r.Spec.OmitAuthorities {
		return api.DeleteSecret(ctx, model.SecretPKI)
	}
	secrets, err := json.Marshal(model.Secrets{Authorities: r.Secrets.Authorities})
	if err != nil {
		return err
	}
	return api.PutSecret(ctx, model.SecretPKI, map[string][]byte{
		model.IDKey:                []byte(r.Spec.ID.String()),
		model.StoredAuthoritiesKey: secrets,
	})
}

// waitWell waits for what the status is to say at the end: nodes, and then what those of
// the control plane run.
func (r *Runner) waitWell(ctx context.Context) error {
	if err := r.waitNodesServing(ctx); err != nil {
		return err
	}
	return r.waitControlPlane(ctx)
}

// nodesToServe lists the nodes that have a VM, or get one in this run. What no VM carries
// never serves again, nor does what the plan leaves as it is although it is unhealthy.
func (r *Runner) nodesToServe(ctx context.Context) (map[string]model.KubeNode, error) {
	listed, err := r.api.listNodes(ctx)
	nodes := maps.Clone(listed) // it is shared
	unrepaired := plan.Unrepaired(r.Spec, &r.World.Facts)
	maps.DeleteFunc(nodes, func(name string, _ model.KubeNode) bool {
		_, built := r.rebuilds[name]
		return !built && (!hasMachine(&r.World.Facts, name) || unrepaired[name])
	})
	return nodes, err
}

// waitNodesServing waits until every node is Ready and the cloud provider has initialized
// it. Without a pod network no node ever is Ready, and without a pack of layer cpi there is
// nothing to initialize: for these the run does not wait.
func (r *Runner) waitNodesServing(ctx context.Context) error {
	if !r.podNetwork() && !r.Spec.HasCPI() {
		return nil
	}
	return poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		nodes, err := r.nodesToServe(ctx)
		if err != nil {
			return err
		}
		var waiting []string
		for name, n := range nodes {
			if r.podNetwork() && !n.Ready {
				waiting = append(waiting, name+" ("+n.Reason+")")
			}
		}
		slices.Sort(waiting)
		var errs []error
		if len(waiting) > 0 {
			errs = append(errs, fmt.Errorf("not Ready: %s", model.Listed(waiting)))
		}
		if uninitialized := model.Uninitialized(nodes); r.Spec.HasCPI() && len(uninitialized) > 0 {
			errs = append(errs, fmt.Errorf("not initialized by the cloud provider: %s; the logs of the pods of the pack of layer cpi say why",
				model.Listed(uninitialized)))
		}
		return errors.Join(errs...)
	})
}
