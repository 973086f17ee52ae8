package run

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// rangesOwner holds the addresses of the cluster's reserved ranges.
func (a *addresses) rangesOwner() ledger.Owner {
	return ledger.Owner{Cluster: a.cluster, Node: model.OwnerRanges}
}

// reserveRange claims what is missing of a range, and then has the record say so: a run that
// was killed in between finds the claims by reading them.
func (r *Runner) reserveRange(ctx context.Context, s model.ReserveRange) error {
	pool, registered := r.World.IPPools[s.IPPoolID]
	if !registered {
		return fmt.Errorf("the IP pool %s of load balancer pool %q is not registered", s.IPPoolID, s.Name)
	}
	err := r.Ledger.ClaimRange(ctx, pool, r.addresses.rangesOwner(), s.Missing, r.World.Snapshot, r.changes.call)
	if err != nil {
		return err
	}
	return r.record.update(ctx, func(b *record.Cluster) {
		if b.Ranges == nil {
			b.Ranges = map[string]record.AddressRange{}
		}
		b.Ranges[s.Name] = s.Recorded()
	})
}

// releaseRange takes a range out of the record, unless the spec has it by now with other
// addresses, and then releases what is not used any more.
func (r *Runner) releaseRange(ctx context.Context, s model.ReleaseRange) error {
	if err := r.stillServing(ctx, s.Claims); err != nil {
		return err
	}
	kept := slices.ContainsFunc(r.Spec.ReservedRanges, func(k model.ReservedRange) bool { return k.Name == s.Name })
	if !kept && r.record.current().Found {
		if err := r.record.update(ctx, func(b *record.Cluster) { delete(b.Ranges, s.Name) }); err != nil {
			return err
		}
	}
	byPool := map[uuid.UUID][]netip.Addr{}
	for _, c := range s.Claims {
		byPool[c.IPPool] = append(byPool[c.IPPool], c.Address)
	}
	for id, released := range byPool {
		pool, registered := r.World.IPPools[id]
		if !registered {
			pool = ledger.IPPool{ID: id} // nothing of it cools down
		}
		if err := r.Ledger.ReleaseRange(ctx, pool, released, r.addresses.rangesOwner(), r.changes.call); err != nil {
			return err
		}
	}
	return nil
}

// stillServing returns an error where a service of the cluster has an address that is about to
// be released: another VM would get it under the service. In a destruction no API is asked, since
// nothing serves any more.
func (r *Runner) stillServing(ctx context.Context, claims []model.Claim) error {
	if r.World.API == nil || len(claims) == 0 {
		return nil
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	services, err := api.Services(ctx)
	if err != nil {
		return err
	}
	var serving []string
	for _, s := range services {
		for _, c := range claims {
			if slices.Contains(s.Addresses, c.Address.String()) {
				serving = append(serving, fmt.Sprintf("%s/%s has %s", s.Namespace, s.Name, c.Address))
			}
		}
	}
	if len(serving) > 0 {
		return fmt.Errorf("addresses that services still have are not released: %s. Delete the services, or have them take others",
			model.Listed(serving))
	}
	return nil
}
