package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// long is a pool that takes several tags.
var long = strings.Replace(poolBody, "{", `{"nameservers":["`+strings.Repeat("2001:db8::1", 60)+`"],`, 1)

// rename gives a tag another name, as the vSphere Client can.
func rename(t *testing.T, store *ledgertest.Store, id uuid.UUID, name string) {
	t.Helper()
	tag, err := store.Get(t.Context(), id)
	must(t, err)
	must(t, store.Delete(t.Context(), id))
	tag.Name = name
	must(t, store.Create(t.Context(), tag))
}

// chunks are the parts of a record.
func chunks(t *testing.T, l *ledger.Ledger, of uuid.UUID) []uuid.UUID {
	t.Helper()
	entries, err := l.Entries(t.Context())
	must(t, err)
	var ids []uuid.UUID
	for _, e := range entries {
		if e.Kind == ledger.EntryChunk && e.Parent == of {
			ids = append(ids, e.ID)
		}
	}
	if len(ids) < 2 {
		t.Fatalf("the record has %d parts", len(ids))
	}
	return ids
}

// damage is a way to edit an IP pool's record.
type damage struct {
	body    string
	edit    func(*testing.T, *ledgertest.Store, *ledger.Ledger, uuid.UUID)
	why     string
	renamed bool
}

var damages = map[string]damage{
	"garbage": {poolBody, func(t *testing.T, s *ledgertest.Store, _ *ledger.Ledger, id uuid.UUID) {
		must(t, s.Update(t.Context(), id, "the printers"))
	}, `the tag "ip-pool:-/lab" of category gantry was edited: its description is not JSON`, false},
	"emptied": {poolBody, func(t *testing.T, s *ledgertest.Store, _ *ledger.Ledger, id uuid.UUID) {
		must(t, s.Update(t.Context(), id, ""))
	}, "its description is not JSON", false},
	"other JSON": {poolBody, func(t *testing.T, s *ledgertest.Store, _ *ledger.Ledger, id uuid.UUID) {
		must(t, s.Update(t.Context(), id, "[]"))
	}, "its description makes no IP pool", false},
	"no pool": {poolBody, func(t *testing.T, s *ledgertest.Store, _ *ledger.Ledger, id uuid.UUID) {
		must(t, s.Update(t.Context(), id, `{"name":"lab","start":"10.0.0.9","end":"10.0.0.1","prefix_length":24}`))
	}, "its description makes no IP pool", false},
	"first chunk missing": {long, func(t *testing.T, s *ledgertest.Store, l *ledger.Ledger, id uuid.UUID) {
		must(t, s.Delete(t.Context(), chunks(t, l, id)[0]))
	}, "the parts of its description are not there, or do not belong together", false},
	"last chunk missing": {long, func(t *testing.T, s *ledgertest.Store, l *ledger.Ledger, id uuid.UUID) {
		all := chunks(t, l, id)
		must(t, s.Delete(t.Context(), all[len(all)-1]))
	}, "the parts of its description are not there, or do not belong together", false},
	"beginning edited": {long, func(t *testing.T, s *ledgertest.Store, _ *ledger.Ledger, id uuid.UUID) {
		tag, err := s.Get(t.Context(), id)
		must(t, err)
		must(t, s.Update(t.Context(), id, strings.Replace(tag.Description, "db8", "db9", 1)))
	}, "the parts of its description are not there, or do not belong together", false},
	"chunk edited": {long, func(t *testing.T, s *ledgertest.Store, l *ledger.Ledger, id uuid.UUID) {
		must(t, s.Update(t.Context(), chunks(t, l, id)[1], "|10.0.0.9|"))
	}, "the parts of its description are not there, or do not belong together", false},
	"renamed": {poolBody, func(t *testing.T, s *ledgertest.Store, _ *ledger.Ledger, id uuid.UUID) {
		rename(t, s, id, "lab, do not touch")
	}, `the tag "lab, do not touch" of category gantry was edited: its name is not that of the record`, true},
	"another's name": {poolBody, func(t *testing.T, s *ledgertest.Store, _ *ledger.Ledger, id uuid.UUID) {
		rename(t, s, id, "ip-pool:-/attic")
	}, "its name is not that of the record", true},
}

// TestDamagedIPPool edits one IP pool in every way that there is. The others can
// be read, the error says what is wrong with that one, and writing it again
// repairs it.
func TestDamagedIPPool(t *testing.T) {
	t.Parallel()
	for name, c := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

func (c damage) check(t *testing.T) {
	store := ledgertest.NewStore()
	l, _ := join(store)
	id := register(t, l, record.KindIPPool, "lab", c.body)
	good := register(t, l, record.KindIPPool, "nodes", poolBody)
	c.edit(t, store, l, id)
	pools, err := l.IPPools(t.Context())
	must(t, err)
	if len(pools) != 2 {
		t.Fatalf("the pools are %v", pools)
	}
	for _, p := range pools {
		var damaged *ledger.DamagedError
		switch {
		case p.ID == good:
			if p.Unreadable != nil || p.Body.Name == "" {
				t.Errorf("the other pool is %+v", p)
			}
		case p.ID != id || !errors.As(p.Unreadable, &damaged) || !strings.Contains(damaged.Error(), c.why) || damaged.Renamed != c.renamed:
			t.Errorf("the damage is %+v (%v), want %q", p.Unreadable, p.Unreadable, c.why)
		case p.Ref.Name != "lab" && !c.renamed:
			t.Errorf("the damaged pool is called %q", p.Ref.Name)
		}
	}
	r, err := l.Record(t.Context(), id)
	if err == nil {
		_, err = r.IPPool()
	}
	if !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), c.why) {
		t.Errorf("its record: %v, want %q", err, c.why)
	}
	_, err = l.Entries(t.Context())
	must(t, err)
	if !c.renamed {
		must(t, l.UpdateRecord(t.Context(), id, []byte(c.body)))
		if _, err := l.Record(t.Context(), id); err != nil {
			t.Errorf("written again, it is %v", err)
		}
		c.edit(t, store, l, id)
	}
	must(t, l.Unregister(t.Context(), id))
	must(t, l.Unregister(t.Context(), good))
	wantTags(t, store, 0)
}

// TestAnyDescriptionOfAnIPPool has anything in the description of a pool's record.
func TestAnyDescriptionOfAnIPPool(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		store := ledgertest.NewStore()
		l, _ := join(store)
		id := register(t, l, record.KindIPPool, "lab", poolBody)
		register(t, l, record.KindIPPool, "nodes", poolBody)
		must(t, store.Update(t.Context(), id, rapid.OneOf(
			rapid.StringN(0, 60, 250),
			rapid.StringMatching(`\+[0-9]{1,3}\.[0-9]{1,2}\.[0-9a-f]{0,16}`),
			rapid.StringMatching(`\{("(start|subnet|excluded)":"?[0-9./-]{0,18}"?,?){0,3}\}`),
		).Draw(rt, "description")))
		pools, err := l.IPPools(t.Context())
		if err != nil || len(pools) != 2 {
			rt.Fatalf("the pools are %v (%v)", pools, err)
		}
	})
}
