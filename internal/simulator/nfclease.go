package simulator

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/object"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// nfcLeases are the imports that are under way.
type nfcLeases struct {
	mu    sync.Mutex
	live  map[string]*nfcLease // by the value of their reference
	ended map[string]bool      // those that have timed out

	atUpload func() // is called when an upload has begun; may be nil
}

// nfcLease is the lease by which the disks of a machine are uploaded. vcsim's own never ends,
// takes anything, and completes without a disk.
type nfcLease struct {
	vm        types.ManagedObjectReference
	datastore *vcsim.Datastore
	deadline  time.Time
	files     map[string]*nfcFile
	over      chan struct{} // closed when it ends
}

// nfcFile is a disk to be uploaded.
type nfcFile struct {
	disk  bool
	size  int64 // what was uploaded
	whole bool
}

func newNFCLeases() *nfcLeases {
	return &nfcLeases{live: map[string]*nfcLease{}, ended: map[string]bool{}}
}

func (l *nfcLeases) get(id string) (lease *nfcLease, timedOut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live[id], l.ended[id]
}

// take removes a lease that ends, which only one caller can.
func (l *nfcLeases) take(id string, timedOut bool) *nfcLease {
	l.mu.Lock()
	defer l.mu.Unlock()
	lease := l.live[id]
	if lease != nil {
		delete(l.live, id)
		close(lease.over)
		l.ended[id] = timedOut
	}
	return lease
}

// beginImport makes a lease of vcsim's one that ends. As long as it lives nothing else is
// done to the machine. The inventory is locked.
func (s *Simulator) beginImport(ctx *vcsim.Context, ref types.ManagedObjectReference) {
	made, ok := ctx.Session.Get(ref).(*vcsim.HttpNfcLease)
	if !ok || made.State != types.HttpNfcLeaseStateReady {
		return
	}
	vm := ctx.Map.Get(made.Info.Entity).(*vcsim.VirtualMachine)
	lease := &nfcLease{
		vm: vm.Self, deadline: s.clock.now().Add(s.opts.ImportTimeout), files: map[string]*nfcFile{}, over: make(chan struct{}),
	}
	made.Info.LeaseTimeout = int32(s.opts.ImportTimeout / time.Second)
	for _, device := range made.Info.DeviceUrl {
		lease.files[device.TargetId] = &nfcFile{disk: device.Disk != nil && *device.Disk}
	}
	var file object.DatastorePath
	file.FromString(vm.Config.Files.VmPathName)
	lease.datastore = s.datastore(ctx, file.Datastore)
	s.busy.Store(vm.Self, ref)
	s.nfc.mu.Lock()
	s.nfc.live[ref.Value] = lease
	s.nfc.mu.Unlock()
	own := *ctx
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		s.watchImport(&own, ref.Value, lease)
	}()
}

// watchImport ends a lease of which no progress is reported.
func (s *Simulator) watchImport(ctx *vcsim.Context, id string, lease *nfcLease) {
	for {
		s.nfc.mu.Lock()
		deadline := lease.deadline
		s.nfc.mu.Unlock()
		if !s.clock.now().Before(deadline) {
			break
		}
		stop := make(chan struct{})
		waited := make(chan bool, 1)
		go func() { waited <- s.clock.wait(deadline, stop) }()
		select {
		case <-waited:
		case <-lease.over:
			close(stop)
			return
		case <-s.closed:
			close(stop)
			return
		}
	}
	if ended := s.nfc.take(id, true); ended != nil {
		_, _ = s.locked(ctx, func(ctx *vcsim.Context) (types.AnyType, fault) { return nil, s.dropImport(ctx, ended) })
	}
}

// dropImport deletes the machine of an import that did not complete. The inventory is locked.
func (s *Simulator) dropImport(ctx *vcsim.Context, lease *nfcLease) fault {
	s.busy.Delete(lease.vm)
	vm, ok := get[*vcsim.VirtualMachine](ctx, lease.vm)
	if !ok {
		return nil
	}
	return s.destroyVM(ctx, vm)
}

// noLease is the fault of a call on a lease that is not alive.
func noLease(ref types.ManagedObjectReference, timedOut bool) soap.HasFault {
	if timedOut {
		return refuse(&types.Timedout{})
	}
	return notFound(ref)
}

// HttpNfcLeaseProgress keeps a lease alive.
//
//nolint:revive,staticcheck // the name is vSphere's
func (o *overrides) HttpNfcLeaseProgress(_ *vcsim.Context, req *types.HttpNfcLeaseProgress) soap.HasFault {
	lease, timedOut := o.s.nfc.get(req.This.Value)
	if lease == nil {
		return noLease(req.This, timedOut)
	}
	if req.Percent < 0 || req.Percent > 100 {
		return refuse(invalidArgument("percent"))
	}
	o.s.nfc.mu.Lock()
	lease.deadline = o.s.clock.now().Add(o.s.opts.ImportTimeout)
	o.s.nfc.mu.Unlock()
	return &methods.HttpNfcLeaseProgressBody{Res: &types.HttpNfcLeaseProgressResponse{}}
}

// HttpNfcLeaseComplete ends an import all of whose disks were uploaded.
//
//nolint:revive,staticcheck // the name is vSphere's
func (o *overrides) HttpNfcLeaseComplete(ctx *vcsim.Context, req *types.HttpNfcLeaseComplete) soap.HasFault {
	lease, timedOut := o.s.nfc.get(req.This.Value)
	if lease == nil {
		return noLease(req.This, timedOut)
	}
	o.s.nfc.mu.Lock()
	for _, file := range lease.files {
		if !file.whole {
			o.s.nfc.mu.Unlock()
			return refuse(&types.InvalidState{})
		}
	}
	o.s.nfc.mu.Unlock()
	if o.s.nfc.take(req.This.Value, false) == nil {
		return notFound(req.This)
	}
	o.s.busy.Delete(lease.vm)
	return o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		// It says for a while how it has ended; vcsim's is gone at once.
		if made, ok := ctx.Session.Get(req.This).(*vcsim.HttpNfcLease); ok {
			ctx.WithLock(made, func() { made.State = types.HttpNfcLeaseStateDone })
		}
		return &methods.HttpNfcLeaseCompleteBody{Res: &types.HttpNfcLeaseCompleteResponse{}}
	})
}

// HttpNfcLeaseAbort ends an import and deletes its machine, which vcsim leaves.
//
//nolint:revive,staticcheck // the name is vSphere's
func (o *overrides) HttpNfcLeaseAbort(ctx *vcsim.Context, req *types.HttpNfcLeaseAbort) soap.HasFault {
	lease := o.s.nfc.take(req.This.Value, false)
	made, ok := ctx.Session.Get(req.This).(*vcsim.HttpNfcLease)
	if lease == nil && !ok {
		return notFound(req.This)
	}
	if lease != nil {
		if _, f := o.s.locked(ctx, func(ctx *vcsim.Context) (types.AnyType, fault) { return nil, o.s.dropImport(ctx, lease) }); f != nil {
			return refuse(f)
		}
	}
	if !ok {
		return &methods.HttpNfcLeaseAbortBody{Res: &types.HttpNfcLeaseAbortResponse{}}
	}
	return o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault { return made.HttpNfcLeaseAbort(ctx, req) })
}

// AtUpload has a function called once each upload of a disk has begun.
func (s *Simulator) AtUpload(do func()) {
	s.nfc.mu.Lock()
	defer s.nfc.mu.Unlock()
	s.nfc.atUpload = do
}

// ImportsUnderWay counts the imports that have begun and not ended.
func (s *Simulator) ImportsUnderWay() int {
	s.nfc.mu.Lock()
	defer s.nfc.mu.Unlock()
	return len(s.nfc.live)
}
