package simulator

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// watchPause is how long updates gather before a waiting client gets them.
const watchPause = 5 * time.Millisecond

// viewPause is how long a waiting client may miss a change that only a view has seen:
// vcsim adds an object to its views after the notification of it, which announces that
// to no client.
const viewPause = 250 * time.Millisecond

// changes wakes waiting clients after a change. It takes the
// place of vcsim's own notifications, which deadlock on container views, race
// when a filter is destroyed during a wait, and leave out properties.
type changes struct {
	mo.ExtensibleManagedObject // vcsim looks for a managed object here

	mu   sync.Mutex
	next chan struct{}
}

func newChanges() *changes {
	c := &changes{next: make(chan struct{})}
	c.Self = types.ManagedObjectReference{Type: "GantrySimulator", Value: "changes"}
	return c
}

// after returns a channel that is closed at the next change.
func (c *changes) after() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

func (c *changes) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.next)
	c.next = make(chan struct{})
}

// PutObject is vcsim's notification of a new object.
func (c *changes) PutObject(*vcsim.Context, mo.Reference) { c.announce() }

// UpdateObject is vcsim's notification of a changed object.
func (c *changes) UpdateObject(*vcsim.Context, mo.Reference, []types.PropertyChange) { c.announce() }

// RemoveObject is vcsim's notification of a deleted object.
func (c *changes) RemoveObject(*vcsim.Context, types.ManagedObjectReference) { c.announce() }

// collectors are the property collectors of all sessions.
type collectors struct {
	mu   sync.Mutex
	open map[collectorKey]*collector
}

// collectorKey distinguishes the sessions' collectors: each session has one by
// the same reference.
type collectorKey struct {
	session string
	ref     types.ManagedObjectReference
}

type collector struct {
	mu      sync.Mutex // guards what follows; never held while waiting
	filters []*filter
	version int
	cancel  chan struct{} // closed by CancelWaitForUpdates
}

type filter struct {
	ref  types.ManagedObjectReference
	spec types.PropertyFilterSpec
	seen map[types.ManagedObjectReference]types.ObjectContent // what the client knows
}

func newCollectors() *collectors { return &collectors{open: make(map[collectorKey]*collector)} }

// of returns a session's collector.
func (c *collectors) of(ctx *vcsim.Context, ref types.ManagedObjectReference) (*collector, bool) {
	key := collectorKey{ctx.Session.Key, ref}
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.open[key]
	if !ok && ref == serviceContent(ctx).PropertyCollector {
		found = &collector{cancel: make(chan struct{})}
		c.open[key] = found
		ok = true
	}
	return found, ok
}

// clear ends all collectors, as the end of all sessions does.
func (c *collectors) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, open := range c.open {
		open.stop()
	}
	clear(c.open)
}

// CreatePropertyCollector makes one more collector for the session.
func (o *overrides) CreatePropertyCollector(ctx *vcsim.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	ref := types.ManagedObjectReference{Type: "PropertyCollector", Value: "session[" + ctx.Session.Key + "]" + uuid.NewString()}
	o.s.collectors.mu.Lock()
	o.s.collectors.open[collectorKey{ctx.Session.Key, ref}] = &collector{cancel: make(chan struct{})}
	o.s.collectors.mu.Unlock()
	return &methods.CreatePropertyCollectorBody{Res: &types.CreatePropertyCollectorResponse{Returnval: ref}}
}

// DestroyPropertyCollector ends a collector and the waits on it.
func (o *overrides) DestroyPropertyCollector(ctx *vcsim.Context, req *types.DestroyPropertyCollector) soap.HasFault {
	c, ok := o.s.collectors.of(ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	o.s.collectors.mu.Lock()
	delete(o.s.collectors.open, collectorKey{ctx.Session.Key, req.This})
	o.s.collectors.mu.Unlock()
	c.stop()
	return &methods.DestroyPropertyCollectorBody{Res: new(types.DestroyPropertyCollectorResponse)}
}

// CancelWaitForUpdates ends a wait.
func (o *overrides) CancelWaitForUpdates(ctx *vcsim.Context, req *types.CancelWaitForUpdates) soap.HasFault {
	c, ok := o.s.collectors.of(ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	c.stop()
	return &methods.CancelWaitForUpdatesBody{Res: new(types.CancelWaitForUpdatesResponse)}
}

func (c *collector) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.cancel)
	c.cancel = make(chan struct{})
}

// CreateFilter adds what a client wants to know about.
func (o *overrides) CreateFilter(ctx *vcsim.Context, req *types.CreateFilter) soap.HasFault {
	c, ok := o.s.collectors.of(ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	for _, object := range req.Spec.ObjectSet {
		missing := ctx.Session.Get(object.Obj) == nil
		if report := req.Spec.ReportMissingObjectsInResults; missing && (report == nil || !*report) {
			return notFound(object.Obj)
		}
	}
	f := &filter{
		ref:  types.ManagedObjectReference{Type: "PropertyFilter", Value: "session[" + ctx.Session.Key + "]" + uuid.NewString()},
		spec: req.Spec,
	}
	// From here on an object that goes away is an update, not an error.
	f.spec.ReportMissingObjectsInResults = types.NewBool(true)
	c.mu.Lock()
	c.filters = append(c.filters, f)
	c.mu.Unlock()
	o.s.changes.announce()
	return &methods.CreateFilterBody{Res: &types.CreateFilterResponse{Returnval: f.ref}}
}

// DestroyPropertyFilter takes a filter off its collector.
func (o *overrides) DestroyPropertyFilter(ctx *vcsim.Context, req *types.DestroyPropertyFilter) soap.HasFault {
	o.s.collectors.mu.Lock()
	defer o.s.collectors.mu.Unlock()
	for key, c := range o.s.collectors.open {
		if key.session != ctx.Session.Key {
			continue
		}
		c.mu.Lock()
		before := len(c.filters)
		c.filters = slices.DeleteFunc(c.filters, func(f *filter) bool { return f.ref == req.This })
		removed := len(c.filters) < before
		c.mu.Unlock()
		if removed {
			return &methods.DestroyPropertyFilterBody{Res: new(types.DestroyPropertyFilterResponse)}
		}
	}
	return notFound(req.This)
}

// WaitForUpdatesEx returns what changed since the client's version, as soon as
// something has.
func (o *overrides) WaitForUpdatesEx(ctx *vcsim.Context, req *types.WaitForUpdatesEx) soap.HasFault {
	c, ok := o.s.collectors.of(ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	body := &methods.WaitForUpdatesExBody{Res: new(types.WaitForUpdatesExResponse)}
	var timeout <-chan time.Time
	once := false
	if req.Options != nil && req.Options.MaxWaitSeconds != nil {
		once = *req.Options.MaxWaitSeconds == 0
		timeout = time.After(time.Duration(*req.Options.MaxWaitSeconds) * time.Second)
	}
	c.mu.Lock()
	cancel := c.cancel
	if req.Version == "" {
		for _, f := range c.filters {
			f.seen = nil
		}
	}
	c.mu.Unlock()

	for {
		changed := o.s.changes.after()
		update, failed := o.s.update(ctx, c, req.Version == "")
		if failed != nil {
			return refuse(failed)
		}
		if update != nil || once {
			body.Res.Returnval = update
			return body
		}
		select {
		case <-changed:
			time.Sleep(watchPause)
		case <-time.After(viewPause):
		case <-timeout:
			return body
		case <-cancel:
			return refuse(new(types.RequestCanceled))
		case <-o.s.closed:
			return refuse(new(types.RequestCanceled))
		}
	}
}

// WaitForUpdates is WaitForUpdatesEx without options.
func (o *overrides) WaitForUpdates(ctx *vcsim.Context, req *types.WaitForUpdates) soap.HasFault {
	res := o.WaitForUpdatesEx(ctx, &types.WaitForUpdatesEx{This: req.This, Version: req.Version})
	if res.Fault() != nil {
		return res
	}
	return &methods.WaitForUpdatesBody{Res: &types.WaitForUpdatesResponse{
		Returnval: *res.(*methods.WaitForUpdatesExBody).Res.Returnval,
	}}
}

// update returns what the client does not know yet; nil if there is nothing.
func (s *Simulator) update(ctx *vcsim.Context, c *collector, first bool) (*types.UpdateSet, fault) {
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	var set types.UpdateSet
	for _, f := range c.filters {
		body := new(vcsim.PropertyCollector).RetrievePropertiesEx(ctx, &types.RetrievePropertiesEx{SpecSet: []types.PropertyFilterSpec{f.spec}})
		if failed := body.Fault(); failed != nil {
			return nil, failed.VimFault().(fault)
		}
		objects := body.(*methods.RetrievePropertiesExBody).Res.Returnval.Objects
		tidy(objects)
		objects = s.permit(ctx, namedObjects([]types.PropertyFilterSpec{f.spec}), objects)
		if updates := f.compare(objects); len(updates) > 0 {
			set.FilterSet = append(set.FilterSet, types.PropertyFilterUpdate{Filter: f.ref, ObjectSet: updates})
		}
	}
	if len(set.FilterSet) == 0 && !first {
		return nil, nil
	}
	c.version++
	set.Version = strconv.Itoa(c.version)
	return &set, nil
}
