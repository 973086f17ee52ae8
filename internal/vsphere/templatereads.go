package vsphere

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// templateReads are what surveys have read of templates and their snapshots, so that
// clusters which are planned and created one after the other from the same template ask
// once.
type templateReads struct {
	mu        sync.Mutex
	asking    chan struct{} // full while a caller asks for nothing else
	known     map[types.ManagedObjectReference]templateRead
	forgotten time.Time
}

type templateRead struct {
	began time.Time
	properties
}

// templateRefs are the templates and their snapshots, each once.
func templateRefs(templates []*chosenTemplate) []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	for _, template := range templates {
		if slices.Contains(refs, template.ref) {
			continue // that of another pool, too
		}
		refs = append(refs, template.ref)
		if snapshot, ok := currentSnapshot(template.node); ok {
			refs = append(refs, snapshot)
		}
	}
	return refs
}

// alone waits for another caller that asks for templates alone, and returns how to end that.
func (t *templateReads) alone(ctx context.Context) (end func(), err error) {
	t.mu.Lock()
	if t.asking == nil {
		t.asking = make(chan struct{}, 1)
	}
	asking := t.asking
	t.mu.Unlock()
	select {
	case asking <- struct{}{}:
		return func() { <-asking }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// kept returns what was read of objects at most maxAge ago; nil where one of them was
// not.
func (t *templateReads) kept(refs []types.ManagedObjectReference, maxAge time.Duration) map[types.ManagedObjectReference]properties {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := make(map[types.ManagedObjectReference]properties, len(refs))
	for _, ref := range refs {
		read, ok := t.known[ref]
		if !ok || time.Since(read.began) >= maxAge {
			return nil
		}
		found[ref] = read.properties
	}
	return found
}

// keep remembers those of the objects that were read whole.
func (t *templateReads) keep(
	refs []types.ManagedObjectReference, details map[types.ManagedObjectReference]properties, began time.Time,
) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if began.Before(t.forgotten) {
		return
	}
	if t.known == nil {
		t.known = map[types.ManagedObjectReference]templateRead{}
	}
	for _, ref := range refs {
		if p, ok := details[ref]; ok && p.denied() == nil {
			t.known[ref] = templateRead{began: began, properties: p}
		}
	}
}

func (t *templateReads) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = nil
	t.forgotten = time.Now()
}
