package guest

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cpi"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/network"
)

// Options of a World. The zero value works.
type Options struct {
	// Now is the guests' clock; time.Now unless set.
	Now func() time.Time
	// BootDelay is how long firmware and kernel take before cloud-init starts.
	BootDelay time.Duration
	// ProxyListen is the loopback host:port of the CONNECT proxy; 127.0.0.1:0
	// unless set.
	ProxyListen string
	// Cloud is the vCenter that a cloud provider in a cluster talks to; nil: none answers.
	Cloud cpi.Cloud
	// JoinTimeout is how long a joining node waits for the API of its cluster,
	// in real time; a minute unless set. Real kubeadm waits five.
	JoinTimeout time.Duration
	// CommandLimit is how long the users' commands before a join, and those after it, may take,
	// in real time; two seconds unless set. Real ones have 15 minutes.
	CommandLimit time.Duration
	// BuiltDelay is how long a machine of which an image is made runs on once it has reported
	// that, in real time; a second unless set. Real ones take a minute.
	BuiltDelay time.Duration
	// PodDelay is how long static pods take from their start until they are Ready, in real
	// time. Real ones take ten seconds and more.
	PodDelay time.Duration
	// AtJoin is told how far the join of a node has come, by the VM's name;
	// an error ends the join there. It may call World, and is called without a lock.
	AtJoin func(vm string, stage JoinStage) error
}

// VM is a virtual machine at the moment of its power-on.
type VM struct {
	ID        string // managed object reference
	Name      string
	UUID      string            // instance UUID
	BIOSUUID  string            // what the guest reads of its firmware
	GuestInfo map[string]string // every guestinfo.* key with its value
	MAC       string            // of its network card, in lower case
	Network   string
	// Segment is the prefix of that network, where it is known.
	Segment netip.Prefix
	// KubernetesVersion is that of kubeadm and kubelet in the image; empty where
	// it is unknown, and NoKubernetes in the image of a plain distribution.
	KubernetesVersion string
	// System names the operating system in the image, where it is not the usual one.
	System string
	// ClonedFrom is the ID of the VM of whose disk this one has a copy; empty: it is no clone.
	ClonedFrom string
	// Read returns what the VM's configuration has under a guestinfo key by now; nil: what it
	// had at the power-on. It is never called with a lock.
	Read func(key string) string
	// Report sets guestinfo keys on the VM. It is called from one goroutine, in
	// order, never from within a call into World, and never after PowerOff has
	// returned except for a call that was under way.
	Report func(changes map[string]string)
	// SetNetwork sets the addresses and hostname that the guest tools report. It is
	// called in order, never from within a call into World. The caller of PowerOff
	// clears what was reported.
	SetNetwork func(ips []netip.Addr, hostname string)
	// PowerOff is the guest's own: it powers the VM off. It is never called with a lock; nil:
	// a guest cannot.
	PowerOff func()
	// Installed has the image hold another Kubernetes from now on. It is never called with a lock.
	Installed func(version string)
}

// NoKubernetes is in the place of a version where there is none.
const NoKubernetes = "none"

// State is what an operator would see of a guest.
type State struct {
	ID, Name string
	Phase    Phase
	Error    string
	Log      string
}

// Phase is how far a guest has come.
type Phase string

// The phases that the contract of guestinfo.gantry.phase names, and off.
const (
	PhaseOff     Phase = "off"
	PhaseBooting Phase = "booting"
	PhaseKubeadm Phase = "kubeadm"
	PhaseFailed  Phase = "failed"
	PhaseJoined  Phase = "joined"

	// PhaseInitFailed is of a first node whose kubeadm init failed once there was an API server.
	PhaseInitFailed Phase = "init_failed"
	// PhaseResuming is of a node that boots again, with an API server or after its join.
	PhaseResuming Phase = "resuming"

	// Those of a node that has joined, and runs commands after that.
	PhasePost       Phase = "post_bootstrap"
	PhasePostFailed Phase = "post_bootstrap_failed"

	// Those of a load balancer, before it has backends and once it serves by them.
	PhaseWaiting Phase = "waiting"
	PhaseServing Phase = "serving"

	// Those of a machine of which an image is made.
	PhaseBuilding Phase = "building"
	PhaseCleaning Phase = "cleaning"
	PhaseBuilt    Phase = "built"
)

// World is the guests of one simulated datacenter, their network and their
// clusters.
type World struct {
	options  Options
	network  *network.Network
	leases   *network.Leases
	proxy    *network.Proxy
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	requests atomic.Int64 // API requests that are being answered

	mu       sync.Mutex // before the locks of network and store
	closed   bool
	guests   map[string]*guest
	clusters []*cluster
	history  History

	pulling    sync.Mutex // of images; after mu
	registries map[string]Registry
}

// NewWorld starts the network's proxy.
func NewWorld(options Options) (*World, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	options.ProxyListen = cmp.Or(options.ProxyListen, "127.0.0.1:0")
	options.JoinTimeout = cmp.Or(options.JoinTimeout, time.Minute)
	options.CommandLimit = cmp.Or(options.CommandLimit, 2*time.Second)
	options.BuiltDelay = cmp.Or(options.BuiltDelay, time.Second)
	w := &World{options: options, network: network.New(), guests: map[string]*guest{}}
	w.leases = network.NewLeases(w.network)
	proxy, err := network.NewProxy(w.network.Reach, options.ProxyListen, w.leases.Resolve)
	if err != nil {
		return nil, err
	}
	w.proxy = proxy
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w, nil
}

// ProxyURL returns the HTTP CONNECT proxy into the simulated network.
func (w *World) ProxyURL() string { return w.proxy.URL() }

// Close ends every guest and waits until nothing runs any more. It must not be
// called from within Report or SetNetwork.
func (w *World) Close() {
	w.cancel()
	w.mu.Lock()
	w.closed = true
	for _, g := range w.guests {
		w.stop(g)
	}
	for _, c := range w.clusters {
		w.running.Go(c.etcd.Close)
	}
	w.mu.Unlock()
	w.proxy.Close()
	w.running.Wait()
	// Handlers end when their connection does; http.Server has no call that
	// waits for them after Close.
	for deadline := time.Now().Add(5 * time.Second); w.requests.Load() > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

// PowerOn boots a VM in the background. A guest that is on stays as it is; one
// that has booted before comes back with what is on its disk.
func (w *World) PowerOn(vm VM) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.guests[vm.ID]
	if g == nil {
		g = &guest{world: w, phase: PhaseOff}
		w.guests[vm.ID] = g
	}
	if g.halt != nil || w.closed {
		return
	}
	g.vm = vm
	ctx, halt := context.WithCancel(w.ctx)
	g.halt = halt
	before := g.ended
	ended := make(chan struct{})
	g.ended = ended
	w.running.Go(func() {
		defer close(ended)
		if before != nil {
			<-before // two power cycles never share the disk
		}
		g.run(ctx)
	})
}

// PowerOff kills a guest: its addresses and its API endpoint vanish at once,
// its disk stays.
func (w *World) PowerOff(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.guests[id]; g != nil {
		w.stop(g)
	}
}

// Destroyed forgets a guest and its disk. Its etcd membership stays until
// it is removed, as in a real cluster; when the last control-plane disk
// of a cluster goes, so does the cluster.
func (w *World) Destroyed(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.guests[id]
	if g == nil {
		return
	}
	w.stop(g)
	delete(w.guests, id)
	if g.disk.node == nil {
		return
	}
	g.disk.node.cluster.wake()
	if !g.disk.node.controlPlane {
		return
	}
	c := g.disk.node.cluster
	for _, other := range w.guests {
		if n := other.disk.node; n != nil && n.controlPlane && n.cluster == c {
			return
		}
	}
	c.cancel()
	w.running.Go(c.etcd.Close)
	w.clusters = slices.DeleteFunc(w.clusters, func(other *cluster) bool { return other == c })
}

// Guests returns all guests whose disk exists, by name.
func (w *World) Guests() []State {
	w.mu.Lock()
	defer w.mu.Unlock()
	states := make([]State, 0, len(w.guests))
	for _, g := range w.guests {
		phase := g.phase
		if g.halt == nil {
			phase = PhaseOff
		}
		states = append(states, State{
			ID:    g.vm.ID,
			Name:  g.vm.Name,
			Phase: phase,
			Error: g.failure,
			Log:   g.console.String(),
		})
	}
	slices.SortFunc(states, func(a, b State) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return states
}
