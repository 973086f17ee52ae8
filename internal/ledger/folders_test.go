package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
)

// folders are those of a vCenter: which there are, and how many use each.
type folders struct {
	mu    sync.Mutex
	n     int
	there map[string]bool
	users map[string]int
}

// find returns a folder, which it makes if there is none.
func (f *folders) find() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ref := range f.there {
		return ref
	}
	f.n++
	ref := fmt.Sprint("Folder:group-v", f.n)
	f.there[ref] = true
	return ref
}

// use begins to use a folder, if it is there.
func (f *folders) use(ref string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.there[ref] {
		f.users[ref]++
	}
	return f.there[ref]
}

func (f *folders) stopUsing(ref string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users[ref]--
}

// delete deletes a folder, and reports whether it is used.
func (f *folders) delete(ref string) (used bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.there, ref)
	return f.users[ref] > 0
}

// hasty is a clock that sleeps for a millisecond at most.
type hasty struct{}

func (hasty) Now() time.Time { return time.Now() }

func (hasty) Sleep(ctx context.Context, _ time.Duration) error {
	pause()
	return ctx.Err()
}

// TestFolderIsNotDeletedUnderItsUsers has processes begin to use a folder and leave it.
// The last one deletes it, and none while another uses it.
func TestFolderIsNotDeletedUnderItsUsers(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	site := &folders{there: map[string]bool{}, users: map[string]int{}}
	process := func(i, times int) {
		l, _ := join(store)
		l.Clock = hasty{}
		lease, err := l.Lock(t.Context(), l.ID(cluster(i)), "here")
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = lease.Release(t.Context()) }()
		for range times {
			useFolder(t, lease, i, site)
		}
	}
	process(0, 1) // alone, it deletes what it has made
	var processes sync.WaitGroup
	for i := range 4 {
		processes.Go(func() { process(i, 25) })
	}
	processes.Wait()
	if tags := store.Tags(); len(tags) > 0 || len(site.there) > 0 {
		t.Errorf("left are the folders %v and the tags %v", site.there, tags)
	}
	if site.n < 2 {
		t.Errorf("%d folders were made: none was deleted", site.n)
	}
}

func useFolder(t *testing.T, lease *ledger.Lease, i int, site *folders) {
	ref := site.find()
	pause()
	err := lease.JoinFolders(t.Context(), []string{ref}, cluster(i))
	if err != nil {
		t.Error(err)
		return
	}
	used := site.use(ref)
	pause()
	if used {
		site.stopUsing(ref)
	}
	err = lease.LeaveFolder(t.Context(), ref, cluster(i), func(context.Context) (bool, error) {
		pause()
		if site.delete(ref) {
			t.Errorf("%s was deleted while another cluster used it", ref)
		}
		return false, nil
	})
	if err != nil {
		t.Error(err)
	}
	pause()
}

// pause lets others come in between.
func pause() { time.Sleep(rand.N(time.Millisecond)) }

func TestFoldersTakeFewCalls(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	lease, err := l.Lock(t.Context(), l.ID(cluster(1)), "here")
	must(t, err)
	p.Reset()
	must(t, lease.JoinFolders(t.Context(), []string{"Folder:a", "Folder:b"}, cluster(1)))
	wantCalls(t, p, map[string]int{"Create": 2, "List": 1})
	if snap := snapshot(t, l); !snap.HasNotes(l.FolderID("Folder:a")) || snap.HasNotes(l.FolderID("Folder:c")) {
		t.Error("who is noted where is not known")
	}
	must(t, l.AddChild(t.Context(), l.FolderID("Folder:a"), cluster(2)))
	p.Reset()
	for _, ref := range []string{"Folder:a", "Folder:b"} {
		deleted := false
		must(t, lease.LeaveFolder(t.Context(), ref, cluster(1), func(context.Context) (bool, error) {
			deleted = true
			return false, nil
		}))
		if deleted != (ref == "Folder:b") {
			t.Errorf("%s was to be deleted: %v", ref, deleted)
		}
	}
	wantCalls(t, p, map[string]int{"List": 4, "Now": 2, "Create": 2, "Get": 3, "Delete": 4})
	must(t, lease.Release(t.Context()))
	wantTags(t, store, 1)
}
