package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// life is what a cluster does in the ledger, in the order in which runs do it.
type life struct {
	pool            ledger.IPPool
	gateway, record uuid.UUID
}

var roles = []string{"vip", "extra", "prod-cp-1", "prod-general-1", "prod-general-2"}

// locked runs work as an apply does: a failure is left to the next run.
func (c life) locked(
	ctx context.Context, l *ledger.Ledger, work func(*ledger.Lease, *ledger.Snapshot, map[netip.Addr]ledger.Owner) error,
) error {
	lease, err := l.Lock(ctx, c.record, "a run")
	if err != nil {
		return err
	}
	err = func() error {
		snap, err := l.Snapshot(ctx)
		if err != nil {
			return err
		}
		held, err := l.OwnedBy(ctx, c.pool, snap, clusterID("prod"), func(netip.Addr) bool { return false })
		if err != nil {
			return err
		}
		return work(lease, snap, held)
	}()
	return errors.Join(err, lease.Release(ctx))
}

func (c life) build(ctx context.Context, l *ledger.Ledger) error {
	return c.locked(ctx, l, func(lease *ledger.Lease, snap *ledger.Snapshot, _ map[netip.Addr]ledger.Owner) error {
		if _, err := l.Record(ctx, c.record); errors.Is(err, ledger.ErrNotFound) {
			if _, err := l.Register(ctx, ledger.Record{Ref: ref(record.KindCluster, "prod"), Body: []byte(bodies[4])}); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		if err := l.AddChild(ctx, c.gateway, ref(record.KindCluster, "prod")); err != nil {
			return err
		}
		for _, role := range roles {
			if err := lease.Check(ctx); err != nil {
				return err
			}
			if _, err := l.Claim(ctx, c.pool, ledger.Owner{Cluster: clusterID("prod"), Node: role}, snap); err != nil {
				return err
			}
		}
		return l.UpdateRecord(ctx, c.record, []byte(bodies[5]))
	})
}

func (c life) destroy(ctx context.Context, l *ledger.Ledger) error {
	return c.locked(ctx, l, func(_ *ledger.Lease, _ *ledger.Snapshot, held map[netip.Addr]ledger.Owner) error {
		for addr, owner := range held {
			if err := l.Release(ctx, c.pool, addr, owner); err != nil {
				return err
			}
		}
		if err := l.ReleaseReservation(ctx, c.pool.ID, clusterID("prod")); err != nil {
			return err
		}
		if err := l.RemoveChild(ctx, c.gateway, ref(record.KindCluster, "prod")); err != nil {
			return err
		}
		return l.Unregister(ctx, c.record)
	})
}

// wantBuilt is the one state in which every build ends.
func (c life) wantBuilt(t *testing.T, store *ledgertest.Store) {
	t.Helper()
	l, _ := join(store)
	held, err := l.OwnedBy(t.Context(), c.pool, snapshot(t, l), clusterID("prod"), func(netip.Addr) bool { return false })
	must(t, err)
	owners := map[string]netip.Addr{}
	for addr, owner := range held {
		if other, twice := owners[owner.Node]; twice {
			t.Fatalf("%s holds both %s and %s", owner.Node, addr, other)
		}
		owners[owner.Node] = addr
	}
	if len(owners) != len(roles) {
		t.Fatalf("the claims are %v, want one for each of %v", held, roles)
	}
	wantBody(t, l, ledger.Record{Ref: ref(record.KindCluster, "prod")}, bodies[5])
	children, err := l.Children(t.Context(), c.gateway)
	must(t, err)
	if len(children) != 1 {
		t.Fatalf("the gateway's clusters are %v", children)
	}
}

// TestNextRunConvergesWhereverARunDies kills a run at each of its calls, or
// drops just that call, and lets others come after it.
func TestNextRunConvergesWhereverARunDies(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(int, ledgertest.Fault) func(context.Context, ledgertest.Call) ledgertest.Fault{
		"killed": ledgertest.StopAt, "dropped": ledgertest.DropAt,
	} {
		for _, fault := range []ledgertest.Fault{ledgertest.Before, ledgertest.After} {
			for _, verb := range []string{"build", "destroy"} {
				t.Run(fmt.Sprint(verb, " ", name, " ", fault), func(t *testing.T) {
					t.Parallel()
					k := 1
					for ; dies(t, verb, func() func(context.Context, ledgertest.Call) ledgertest.Fault { return fail(k, fault) }, k); k++ {
					}
					if k < 20 {
						t.Errorf("only %d calls were interrupted", k)
					}
				})
			}
		}
	}
}

// dies reports whether the run came as far as its k-th call.
func dies(t *testing.T, verb string, fault func() func(context.Context, ledgertest.Call) ledgertest.Fault, k int) (reached bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := ledgertest.NewStore()
		home, _ := join(store)
		pool := nodes(t, "50")
		pool.SingleCluster = true
		c := life{pool: pool, gateway: register(t, home, record.KindGateway, "dc1", "{}"), record: home.ID(ref(record.KindCluster, "prod"))}
		run := c.build
		if verb == "destroy" {
			must(t, c.build(t.Context(), home))
			run = c.destroy
		}
		victim, p := join(store)
		p.Fail(fault())
		err := run(t.Context(), victim)
		reached = p.Total() >= k
		if err != nil && !errors.Is(err, ledgertest.ErrDropped) {
			t.Fatalf("call %d: %v", k, err)
		}
		next, _ := join(store)
		if err := run(t.Context(), next); err != nil {
			t.Fatalf("after call %d: %v", k, err)
		}
		if verb == "build" {
			c.wantBuilt(t, store)
			last, _ := join(store)
			must(t, c.destroy(t.Context(), last))
		}
		if tags := store.Tags(); len(tags) != 1 {
			t.Fatalf("after call %d tags are left: %v", k, tags)
		}
	})
	return reached
}
