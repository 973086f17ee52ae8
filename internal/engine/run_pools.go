package engine

import "context"

// leavePools opens the restricted pools that the cluster has to itself for other
// clusters, where the last of its claims has gone. It comes when nothing of the
// run claims any more.
func (r *run) leavePools(ctx context.Context, using []string) error {
	uses := map[string]bool{}
	for _, id := range using {
		uses[id] = true
	}
	for id, pool := range r.obs.IPPools {
		// One that nobody has yet may have become this cluster's in this run.
		theirs := pool.ReservedBy != "" && pool.ReservedBy != r.spec.ID
		if uses[id] || !pool.Registered || !pool.SingleCluster || theirs {
			continue
		}
		if err := r.change(ctx, func(ctx context.Context) error {
			return r.e.Ledger.ReleaseIfUnused(ctx, pool.IPPool, ledgerID(r.spec.ID))
		}); err != nil {
			return err
		}
	}
	return nil
}

// poolsOfSpec are the ids of the pools that the spec's placements name.
func (s *ClusterSpec) poolsOfSpec() []string {
	var ids []string
	for _, pool := range s.Pools() {
		for _, pl := range pool.Placements {
			ids = append(ids, pl.IPPoolID)
		}
	}
	return ids
}
