package ledgertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Run is the suite that each Store passes. open makes a store without tags, or
// one whose other tags keep still.
func Run(t *testing.T, open func(*testing.T) ledger.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, ledger.Store){
		"a tag is kept as it was made":           keepsTags,
		"a description is replaced":              updates,
		"neither id nor name can be taken twice": refusesTwice,
		"absence is distinguished":               reportsAbsence,
		"of many creates one succeeds":           createsOnce,
		"the list has every tag":                 lists,
		"the clock goes on":                      reportsTime,
		"an ended context ends a call":           obeysContext,
		"the ledger works on it":                 carriesLedger,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func newTag(description string) ledger.Tag {
	id := uuid.New()
	return ledger.Tag{ID: id, Name: "conformance " + id.String(), Description: description}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantTag(t *testing.T, s ledger.Store, want ledger.Tag) {
	t.Helper()
	got, err := s.Get(t.Context(), want.ID)
	must(t, err)
	if got != want {
		t.Fatalf("the tag is %+v, want %+v", got, want)
	}
}

// descriptions are what a store must keep to the byte.
var descriptions = []string{
	"x",
	`{"node":"prod-1-cp-1","s":"a\"b\\c","n":[1,2]}`,
	"|  white space at both ends  |",
	"Größe <&> 節點 🚀",
	strings.Repeat("a", ledger.MaxDescription-1),
	strings.Repeat("ä", (ledger.MaxDescription-1)/2),
}

func keepsTags(t *testing.T, s ledger.Store) {
	for _, d := range descriptions {
		tag := newTag(d)
		must(t, s.Create(t.Context(), tag))
		wantTag(t, s, tag)
	}
	tag := newTag("x")
	tag.Name = (tag.Name + strings.Repeat("-long", ledger.MaxName))[:ledger.MaxName]
	must(t, s.Create(t.Context(), tag))
	wantTag(t, s, tag)
}

func updates(t *testing.T, s ledger.Store) {
	tag := newTag("first")
	must(t, s.Create(t.Context(), tag))
	for _, d := range descriptions {
		tag.Description = d
		must(t, s.Update(t.Context(), tag.ID, d))
		wantTag(t, s, tag)
	}
	must(t, s.Delete(t.Context(), tag.ID))
	if err := s.Update(t.Context(), tag.ID, "late"); !errors.Is(err, ledger.ErrNotFound) {
		t.Fatalf("Update of a deleted tag: %v, want ErrNotFound", err)
	}
}

func refusesTwice(t *testing.T, s ledger.Store) {
	tag, other := newTag("first"), newTag("second")
	must(t, s.Create(t.Context(), tag))
	sameID := ledger.Tag{ID: tag.ID, Name: other.Name, Description: "second"}
	sameName := ledger.Tag{ID: other.ID, Name: tag.Name, Description: "second"}
	for what, again := range map[string]ledger.Tag{"both": tag, "id": sameID, "name": sameName} {
		if err := s.Create(t.Context(), again); !errors.Is(err, ledger.ErrExists) {
			t.Fatalf("Create with the same %s: %v, want ErrExists", what, err)
		}
	}
	wantTag(t, s, tag)
	must(t, s.Delete(t.Context(), tag.ID))
	must(t, s.Create(t.Context(), sameID))
	wantTag(t, s, sameID)
}

func reportsAbsence(t *testing.T, s ledger.Store) {
	id := uuid.New()
	if _, err := s.Get(t.Context(), id); !errors.Is(err, ledger.ErrNotFound) {
		t.Fatalf("Get of nothing: %v, want ErrNotFound", err)
	}
	if err := s.Update(t.Context(), id, "x"); !errors.Is(err, ledger.ErrNotFound) {
		t.Fatalf("Update of nothing: %v, want ErrNotFound", err)
	}
	must(t, s.Delete(t.Context(), id))
}

func createsOnce(t *testing.T, s ledger.Store) {
	const contenders = 8
	tag := newTag("")
	var wg sync.WaitGroup
	errs := make([]error, contenders)
	for i := range contenders {
		wg.Go(func() {
			again := tag
			again.Description = fmt.Sprint(i)
			errs[i] = s.Create(t.Context(), again)
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Fatalf("both %d and %d made the tag", winner, i)
		case !errors.Is(err, ledger.ErrExists):
			t.Fatalf("Create: %v, want ErrExists", err)
		}
	}
	if winner < 0 {
		t.Fatal("no call made the tag")
	}
	tag.Description = fmt.Sprint(winner)
	wantTag(t, s, tag)
}

func lists(t *testing.T, s ledger.Store) {
	before, err := s.List(t.Context())
	must(t, err)
	var made []uuid.UUID
	for range 5 {
		tag := newTag("x")
		must(t, s.Create(t.Context(), tag))
		made = append(made, tag.ID)
	}
	ids, err := s.List(t.Context())
	must(t, err)
	if len(ids) != len(before)+len(made) {
		t.Fatalf("%d tags are listed, want %d", len(ids), len(before)+len(made))
	}
	for _, id := range made {
		if !slices.Contains(ids, id) {
			t.Fatalf("tag %s is not listed", id)
		}
	}
	must(t, s.Delete(t.Context(), made[0]))
	ids, err = s.List(t.Context())
	must(t, err)
	if slices.Contains(ids, made[0]) {
		t.Fatal("a deleted tag is listed")
	}
}

func reportsTime(t *testing.T, s ledger.Store) {
	first, err := s.Now(t.Context())
	must(t, err)
	second, err := s.Now(t.Context())
	must(t, err)
	if first.IsZero() || second.Before(first) || second.Sub(first) > time.Minute {
		t.Fatalf("the clock says %s and then %s", first, second)
	}
}

func obeysContext(t *testing.T, s ledger.Store) {
	if _, ok := s.(*Store); ok {
		s = NewProcess(s) // the store in memory has nothing to wait for
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Create(ctx, newTag("x")); !errors.Is(err, context.Canceled) {
		t.Fatalf("Create after the context ended: %v, want context.Canceled", err)
	}
}

// carriesLedger is a cluster's life in the ledger.
func carriesLedger(t *testing.T, s ledger.Store) {
	ctx := t.Context()
	before, err := s.List(ctx)
	must(t, err)
	l := ledger.New(s, uuid.NewString())
	ref := record.Ref{Kind: record.KindCluster, Name: "prod"}
	id := l.ID(ref)
	lease, err := l.Lock(ctx, id, "a test")
	must(t, err)
	addresses, err := ipam.New("10.0.0.1", "10.0.0.10", 24, "10.0.0.254")
	must(t, err)
	pool := ledger.IPPool{ID: l.ID(record.Ref{Kind: record.KindIPPool, Name: "nodes"}), Name: "nodes", Pool: addresses, SingleCluster: true}
	snap, err := l.Snapshot(ctx)
	must(t, err)
	_, err = l.Register(ctx, ledger.Record{Ref: ref, Body: []byte(`{"a":1}`)})
	must(t, err)
	owner := ledger.Owner{Cluster: uuid.New(), Node: "prod-cp-1"}
	addr, err := l.Claim(ctx, pool, owner, snap)
	must(t, err)
	long, err := json.Marshal(strings.Repeat("größer ", 100))
	must(t, err)
	must(t, l.UpdateRecord(ctx, id, long))
	got, err := l.Record(ctx, id)
	must(t, err)
	if string(got.Body) != string(long) {
		t.Fatalf("the record's body is %s, want %s", got.Body, long)
	}
	must(t, lease.Check(ctx))
	must(t, lease.Release(ctx))

	lease, err = l.Lock(ctx, id, "a second run")
	must(t, err)
	snap, err = l.Snapshot(ctx)
	must(t, err)
	if snap.Count(pool) != 1 || !snap.Has(pool.ID, addr) {
		t.Fatalf("the pool's taken addresses are %v, want %s", snap.Addresses(pool), addr)
	}
	must(t, l.Release(ctx, pool, addr, owner))
	must(t, l.ReleaseReservation(ctx, pool.ID, owner.Cluster))
	must(t, l.Unregister(ctx, id))
	must(t, lease.Release(ctx))
	after, err := s.List(ctx)
	must(t, err)
	if len(after) != len(before) {
		t.Fatalf("%d tags are left, want %d", len(after), len(before))
	}
}
