package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// recordKeeper writes the cluster's record. Only the holder of the lock does.
type recordKeeper struct {
	ledger *ledger.Ledger
	id     uuid.UUID
	mu     sync.Mutex
	body   *ledger.ClusterBody
}

func (k *recordKeeper) ready() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.body != nil && k.body.Ready
}

// update changes the record, if the change makes a difference.
func (k *recordKeeper) update(ctx context.Context, change func(*ledger.ClusterBody)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.body == nil {
		return errors.New("the record is not there")
	}
	old, err := json.Marshal(k.body)
	if err != nil {
		return err
	}
	var next ledger.ClusterBody
	if err := json.Unmarshal(old, &next); err != nil {
		return err
	}
	change(&next)
	raw, err := json.Marshal(&next)
	if err != nil {
		return err
	}
	if string(raw) == string(old) {
		return nil
	}
	if err := k.ledger.UpdateRecord(ctx, k.id, raw); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	k.body = &next
	return nil
}

// writeAhead writes the names that the plan will use into the record before the
// first of them is used. A new record is written by its own step.
func (r *run) writeAhead(ctx context.Context, p *Plan) error {
	if r.obs.Record == nil || p.record.counters == nil {
		return nil
	}
	return r.change(ctx, func(ctx context.Context) error {
		return r.record.update(ctx, func(b *ledger.ClusterBody) {
			b.Counters, b.Pending, b.Pools = p.record.counters, p.record.pending, r.poolIDs()
		})
	})
}

// handOver writes down that the run ends and its caller has the certificate
// authorities, whatever has failed: from here on nobody takes the cluster over.
func (r *run) handOver(ctx context.Context) error {
	if !r.answered() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	return r.change(ctx, func(ctx context.Context) error {
		return r.record.update(ctx, func(b *ledger.ClusterBody) { b.Done = true })
	})
}

func (r *run) poolIDs() []string {
	var ids []string
	if r.obs.Record != nil {
		ids = append(ids, r.obs.Record.Pools...)
	}
	ids = append(ids, r.spec.poolsOfSpec()...)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// register writes the cluster into the ledger, which notes it at its gateway, and
// says at its account that it is there, so that neither is deleted under it.
func (r *run) register(ctx context.Context) error {
	if r.record.body == nil {
		body := &ledger.ClusterBody{
			ID: r.spec.ID, Kind: string(r.spec.Kind), Folder: r.spec.Folder,
			// By reference: a datacenter may be renamed.
			Datacenter: r.obs.Survey.Site.Datacenter,
			Ready:      r.planned.ready, Done: r.planned.ready,
			Counters: r.planned.counters, Pending: r.planned.pending, Pools: r.poolIDs(), Parents: r.req.Parents,
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		rec := ledger.Record{Kind: r.spec.Target().ledgerKind(), Name: r.spec.Name, GatewayID: r.spec.GatewayID, Body: raw}
		if err := r.change(ctx, func(ctx context.Context) error {
			_, err := r.e.Ledger.Register(ctx, rec)
			return err
		}); err != nil {
			return err
		}
		r.record.body = body
	}
	for _, parent := range r.record.body.Parents {
		if err := r.change(ctx, func(ctx context.Context) error { return r.addChild(ctx, parent) }); err != nil {
			return err
		}
	}
	return nil
}

// moveParents keeps the cloud account from being deleted that the cluster uses
// now, and lets go of the one that it used before. The new one is noted first:
// killed in between, the cluster has both.
func (r *run) moveParents(ctx context.Context) error {
	if r.down || r.obs.Record == nil || !r.obs.Record.Ready {
		return nil // registering does it
	}
	before := r.obs.Record.Parents
	if slices.Equal(before, r.req.Parents) || len(r.req.Parents) == 0 {
		return nil
	}
	for _, parent := range r.req.Parents {
		if err := r.change(ctx, func(ctx context.Context) error { return r.addChild(ctx, parent) }); err != nil {
			return err
		}
	}
	for _, parent := range before {
		if !slices.Contains(r.req.Parents, parent) {
			if err := r.change(ctx, func(ctx context.Context) error { return r.removeChild(ctx, parent) }); err != nil {
				return err
			}
		}
	}
	return r.change(ctx, func(ctx context.Context) error {
		return r.record.update(ctx, func(b *ledger.ClusterBody) { b.Parents = r.req.Parents })
	})
}

func (r *run) removeChild(ctx context.Context, parent string) error {
	id, ok := parseID(parent)
	if !ok {
		return nil // there is nothing that it could have been added to
	}
	return r.e.Ledger.RemoveChild(ctx, id, r.childName())
}

func (r *run) addChild(ctx context.Context, parent string) error {
	id, err := uuid.Parse(parent)
	if err != nil {
		return fmt.Errorf("the id %q of a gateway or cloud account is not an id: %w", parent, err)
	}
	return r.e.Ledger.AddChild(ctx, id, r.childName())
}

// childName is how the cluster is named at its gateway and account.
func (r *run) childName() string { return string(r.spec.Kind) + " " + r.spec.Name }

func (r *run) unregister(ctx context.Context) error {
	for _, parent := range r.obs.Record.Parents {
		if err := r.change(ctx, func(ctx context.Context) error { return r.removeChild(ctx, parent) }); err != nil {
			return err
		}
	}
	if err := r.leavePools(ctx, nil); err != nil {
		return err
	}
	return r.change(ctx, func(ctx context.Context) error { return r.e.Ledger.Unregister(ctx, r.record.id) })
}

// registerPool writes the record of the pool that a gateway brings along. One that
// is there is that one: a killed run's, or one that somebody edited. Of two pools
// that are registered at the same time, at least one sees the other after that.
func (r *run) registerPool(ctx context.Context) error {
	id, err := uuid.Parse(r.obs.OwnPool)
	if err != nil {
		return err
	}
	if err := r.writePool(ctx, id); err != nil {
		return err
	}
	overlaps, _, err := r.e.Ledger.Overlaps(ctx, id, *r.spec.OwnPool)
	if err != nil || len(overlaps) == 0 {
		return err
	}
	if r.record.ready() {
		return overlaps[0] // its nodes live on it
	}
	if err := r.unregisterPool(ctx); err != nil {
		return errors.Join(overlaps[0], err)
	}
	return overlaps[0]
}

func (r *run) writePool(ctx context.Context, id uuid.UUID) error {
	raw, err := json.Marshal(r.spec.OwnPool)
	if err != nil {
		return err
	}
	rec := ledger.Record{Kind: ledger.KindPool, Name: r.spec.OwnPool.Name, GatewayID: r.spec.ID, Body: raw}
	err = r.change(ctx, func(ctx context.Context) error {
		_, err := r.e.Ledger.Register(ctx, rec)
		return err
	})
	if !errors.Is(err, ledger.ErrExists) {
		return err
	}
	return r.change(ctx, func(ctx context.Context) error { return r.e.Ledger.UpdateRecord(ctx, id, raw) })
}

func (r *run) unregisterPool(ctx context.Context) error {
	id, err := uuid.Parse(r.obs.OwnPool)
	if err != nil {
		return err
	}
	return r.change(ctx, func(ctx context.Context) error { return r.e.Ledger.Unregister(ctx, id) })
}

// ensureFolder makes the VM folder, if it is not there, and keeps its reference.
// What is missing of the path goes into the record first: a folder that is made
// and not noted would stay for ever.
func (r *run) ensureFolder(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.folder != "" {
		return nil
	}
	return r.change(ctx, func(ctx context.Context) error {
		if err := r.record.update(ctx, func(b *ledger.ClusterBody) {
			for _, path := range r.obs.Survey.Site.MissingFolders {
				if !slices.Contains(b.Folders, path) {
					b.Folders = append(b.Folders, path)
				}
			}
		}); err != nil {
			return err
		}
		ref, _, err := r.vc.CreateFolder(ctx, r.spec.Datacenter, r.spec.Folder)
		if err != nil {
			return err
		}
		r.folder = ref
		return nil
	})
}

func (r *run) deleteFolder(ctx context.Context, path string) error {
	return r.change(ctx, func(ctx context.Context) error {
		return r.vc.DeleteFolder(ctx, r.obs.Record.Datacenter, path)
	})
}

// reserveEndpoint claims the VIP and the extra from the control plane's pool.
func (r *run) reserveEndpoint(ctx context.Context) error {
	pool := r.obs.IPPools[r.spec.ControlPlane.Placements[0].IPPoolID]
	for _, role := range []string{OwnerVIP, OwnerExtra} {
		addr, err := r.claim(ctx, pool, role)
		if err != nil {
			return err
		}
		if role == OwnerVIP {
			r.vip = addr
		} else {
			r.extra = addr
		}
	}
	return nil
}

func (r *run) releaseEndpoint(ctx context.Context) error {
	for _, c := range r.obs.Claims {
		if c.Node == OwnerVIP || c.Node == OwnerExtra {
			if err := r.releaseAddress(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) applyPack(ctx context.Context, pack *Pack) error {
	api, err := r.waitAPI(ctx)
	if err != nil {
		return err
	}
	if err := r.lease.Check(ctx); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, r.e.Timing.APITimeout)
	defer cancel()
	if err := api.Apply(bounded, pack.Manifests); err != nil {
		return err
	}
	if err := r.awaitPack(ctx, api, pack.Await); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packs[pack.Name] = pack.Hash()
	return nil
}

// awaitPack waits for what a pack brings. A pack that is applied and does not
// come up is applied again by the next run.
func (r *run) awaitPack(ctx context.Context, api API, d *Deployment) error {
	if d == nil {
		return nil
	}
	err := r.poll(ctx, d.Timeout, func(ctx context.Context) error { return api.Available(ctx, d.Namespace, d.Name) })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w. %s", err, d.Advice)
	}
	return err
}

// claim takes an address for an owner; a claim that the owner already has is
// that claim.
func (r *run) claim(ctx context.Context, pool *IPPool, owner string) (addr netip.Addr, err error) {
	if have, ok := r.obs.endpointOf(pool.Pool.ID.String(), owner); ok {
		return have, nil
	}
	if !pool.Registered {
		return addr, fmt.Errorf("the IP pool %s that %s gets an address of is not registered", pool.ID, owner)
	}
	err = r.change(ctx, func(ctx context.Context) error {
		addr, err = r.e.Ledger.Claim(ctx, pool.Pool, ledger.Owner{Cluster: r.spec.ID, Node: owner}, r.obs.taken)
		return err
	})
	return addr, err
}

func (r *run) releaseAddress(ctx context.Context, c Claim) error {
	id, err := uuid.Parse(c.Pool)
	if err != nil {
		return err
	}
	// Of a pool that is not registered nobody would find what rests.
	pool := ledger.Pool{ID: id}
	if known := r.obs.IPPools[c.Pool]; known != nil && known.Registered {
		pool = known.Pool
	}
	return r.change(ctx, func(ctx context.Context) error {
		return r.e.Ledger.Release(ctx, pool, c.Address, ledger.Owner{Cluster: r.spec.ID, Node: c.Node})
	})
}

// claimAgain claims the very address that a node lives on.
func (r *run) claimAgain(ctx context.Context, c Claim) error {
	pool := r.obs.IPPools[c.Pool]
	if pool == nil || !pool.Registered {
		return fmt.Errorf("the IP pool %s that the address of %s comes from is not registered any more; make it again with the same name and range", c.Pool, c.Node)
	}
	return r.change(ctx, func(ctx context.Context) error {
		return r.e.Ledger.ClaimAddress(ctx, pool.Pool, ledger.Owner{Cluster: r.spec.ID, Node: c.Node}, c.Address)
	})
}
