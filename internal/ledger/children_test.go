package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// cluster refers to one of many clusters.
func cluster(n int) record.Ref { return ref(record.KindCluster, fmt.Sprint("cluster-", n)) }

func TestChildrenAreASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		store := ledgertest.NewStore()
		l, _ := join(store)
		parent, other := register(t, l, record.KindGateway, "dc1", "{}"), register(t, l, record.KindCloudAccount, "team", "{}")
		must(t, l.AddChild(t.Context(), other, cluster(0)))
		model := map[record.Ref]bool{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			child := cluster(rapid.IntRange(0, 39).Draw(rt, "child"))
			if rapid.IntRange(0, 2).Draw(rt, "remove") == 0 {
				must(t, l.RemoveChild(t.Context(), parent, child))
				delete(model, child)
			} else {
				must(t, l.AddChild(t.Context(), parent, child))
				model[child] = true
			}
		}
		want := slices.SortedFunc(maps.Keys(model), func(a, b record.Ref) int { return strings.Compare(a.String(), b.String()) })
		got, err := l.Children(t.Context(), parent)
		must(t, err)
		if !slices.Equal(got, want) {
			rt.Fatalf("the children are %v, want %v", got, want)
		}
		err = l.Unregister(t.Context(), parent)
		var used *ledger.InUseError
		if len(want) > 0 && (!errors.As(err, &used) || !errors.Is(err, ledger.ErrInUse) || !slices.Equal(used.Children, want)) {
			rt.Fatalf("Unregister of a record with children: %v, want an *InUseError", err)
		}
		for _, child := range want {
			must(t, l.RemoveChild(t.Context(), parent, child))
		}
		must(t, l.RemoveChild(t.Context(), other, cluster(0)))
		must(t, l.Unregister(t.Context(), parent))
		must(t, l.Unregister(t.Context(), other))
		if tags := store.Tags(); len(tags) > 0 {
			rt.Fatalf("tags are left: %v", tags)
		}
	})
}

// Removing all children one by one does not read all of them each time.
func TestRemovingManyChildrenReadsEachOnce(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	account := register(t, l, record.KindCloudAccount, "team", "{}")
	const children = 60
	for n := range children {
		must(t, l.AddChild(t.Context(), account, cluster(n)))
	}
	p.Reset()
	for n := range children {
		must(t, l.RemoveChild(t.Context(), account, cluster(n)))
	}
	wantCalls(t, p, map[string]int{ledgertest.List: children, ledgertest.Get: 2 * children, ledgertest.Delete: children})
	if left, err := l.Children(t.Context(), account); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// What another run has changed since the notes were read is seen all the same.
func TestAChildThatAnotherRunMovedIsRemoved(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	other, _ := join(store)
	account := register(t, l, record.KindCloudAccount, "team", "{}")
	const children = 200 // so that some are not in their first slot
	for n := range children {
		must(t, l.AddChild(t.Context(), account, cluster(n)))
	}
	must(t, l.RemoveChild(t.Context(), account, cluster(children))) // reads all notes
	for n := range children {
		must(t, other.RemoveChild(t.Context(), account, cluster(n)))
	}
	for n := range children {
		must(t, other.AddChild(t.Context(), account, cluster(children-1-n)))
	}
	for n := range children {
		must(t, l.RemoveChild(t.Context(), account, cluster(n)))
	}
	if left, err := other.Children(t.Context(), account); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestChildrenAreAddedByManyAtOnce(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	first, _ := join(store)
	parent := first.ID(ref(record.KindGateway, "dc1"))
	var wg sync.WaitGroup
	for i := range 256 {
		wg.Go(func() {
			l, _ := join(store)
			if err := l.AddChild(t.Context(), parent, cluster(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if children, err := first.Children(t.Context(), parent); err != nil || len(children) != 256 {
		t.Errorf("%d children (%v), want 256", len(children), err)
	}
	must(t, first.AddChild(t.Context(), parent, cluster(7)))
	if err := first.AddChild(t.Context(), parent, cluster(1000)); err == nil {
		t.Error("the 257th child was added")
	}
}

func TestChildrenOfACloudAccountAreBelieved(t *testing.T) {
	t.Parallel()
	l, _ := join(ledgertest.NewStore())
	account := register(t, l, record.KindCloudAccount, "team-a", "{}")
	must(t, l.AddChild(t.Context(), account, ref(record.KindCluster, "prod")))
	children, err := l.Children(t.Context(), account)
	must(t, err)
	if !slices.Equal(children, []record.Ref{ref(record.KindCluster, "prod")}) {
		t.Errorf("the children are %v", children)
	}
}

// TestChildrenStandInTheirWireForm pins what is written: later releases read it.
func TestChildrenStandInTheirWireForm(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	account := register(t, l, record.KindCloudAccount, "team-a", "{}")
	child := record.Ref{Kind: record.KindCluster, GatewayID: clusterID("dc1"), Name: "prod"}
	must(t, l.AddChild(t.Context(), account, child))
	i := slices.IndexFunc(store.Tags(), func(tag ledger.Tag) bool { return strings.Contains(tag.Name, "@") })
	if got, want := store.Tags()[i].Description, "cluster:"+clusterID("dc1").String()+"/prod"; got != want {
		t.Errorf("the note is %q, want %q", got, want)
	}
	if err := l.AddChild(t.Context(), account, record.Ref{Kind: record.KindCluster}); err == nil {
		t.Error("a reference without a name was added")
	}
}

// TestEditedNoteKeepsItsParent edits the note of a child: it is no longer known
// which record depends on the account, and the account must not be deleted.
func TestEditedNoteKeepsItsParent(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	account := register(t, l, record.KindCloudAccount, "team-a", "{}")
	must(t, l.AddChild(t.Context(), account, ref(record.KindCluster, "prod")))
	i := slices.IndexFunc(store.Tags(), func(tag ledger.Tag) bool { return strings.Contains(tag.Name, "@") })
	must(t, store.Update(t.Context(), store.Tags()[i].ID, "the printers"))
	children, err := l.Children(t.Context(), account)
	must(t, err)
	if !slices.Equal(children, []record.Ref{{Name: "the printers"}}) {
		t.Errorf("the children are %v", children)
	}
	err = l.Unregister(t.Context(), account)
	if !errors.Is(err, ledger.ErrInUse) || !strings.Contains(err.Error(), `an object noted as "the printers"`) {
		t.Errorf("Unregister: %v, want ErrInUse", err)
	}
}
