package engine_test

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/ova"
	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// world is a simulated datacenter with one IP pool.
type world struct {
	t    testing.TB
	sim  *simulator.Simulator
	pool uuid.UUID

	mu   sync.Mutex // a test may look on from another goroutine, by an engine of its own
	runs []func()   // end the runs of its engines
}

// fast is how long the engine waits where everything answers in milliseconds.
func fast() model.Timing {
	return model.Timing{
		Tick: 20 * time.Millisecond, MaxTick: 200 * time.Millisecond, CallTimeout: 10 * time.Second,
		RetryBudget: 2 * time.Second, Backoff: 20 * time.Millisecond,
		OffLimit:    2 * time.Second,
		BootTimeout: 30 * time.Second, BuildLimit: time.Minute, APITimeout: 20 * time.Second,
		AnswerWait: time.Second, ReadyWait: 20 * time.Second,
		VIPRetry: 35 * time.Millisecond, VIPWait: time.Minute,
		DeleteWait: 10 * time.Second,
		LeaseLife:  2 * time.Second, LeaseWait: 20 * time.Second,
		TokenLife: 30 * time.Minute, StuckPause: 20 * time.Millisecond,
		ProgressEvery: 10 * time.Second,
	}
}

func newWorld(t testing.TB, options simulator.Options) *world {
	t.Helper()
	sim, err := simulator.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, sim: sim}
	t.Cleanup(w.end)
	w.pool = w.addPool("nodes", "10.10.183.1", "10.10.183.250")
	return w
}

// end closes the datacenter and lets go of it: package testing keeps the cleanup functions
// of a parallel test, with all that they name, until the last test of the package is over.
func (w *world) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, end := range w.runs {
		end()
	}
	_ = w.sim.Close()
	w.sim, w.runs = nil, nil
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) addPool(name, start, end string) uuid.UUID {
	w.t.Helper()
	return w.register(record.IPPool{
		Name:           name,
		Start:          start,
		End:            end,
		PrefixLength:   18,
		DefaultGateway: "10.10.128.1",
		Nameservers:    []string{"10.10.128.2"},
	})
}

// engine is an engine of its own, as another run of Terraform would have.
func (w *world) engine() *engine.Engine {
	w.t.Helper()
	e, end := w.process()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs = append(w.runs, end)
	return e
}

// process is a run of Terraform with its engine, and how it ends.
func (w *world) process() (e *engine.Engine, end func()) {
	w.t.Helper()
	sessions := &vsphere.Sessions{}
	vc, err := sessions.Get(context.Background(), vsphere.Config{
		Server: w.sim.Server(), Username: w.sim.Username(), Password: w.sim.Password(), CACertificate: w.sim.CACertificate(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	tags := ledger.New(vsphere.NewTagStore(vc), w.sim.InstanceUUID())
	e = &engine.Engine{
		Reader: vc, Builder: vc, Ledger: tags, Parallel: 16, Timing: fast(),
		Images: ova.Source{Retries: 3, Pause: time.Millisecond, Stall: 5 * time.Second},
		Now:    w.sim.Now, // which is the guests' time, too
		Kube:   kube.New(kube.Options{ProxyURL: w.sim.ProxyURL(), Timeout: 5 * time.Second, Interval: 20 * time.Millisecond}),
		Charts: packs.New(packs.Options{Cluster: w.restConfig}),
	}
	return e, func() { _ = sessions.LogoutAll(context.Background()) }
}

func (w *world) placement(cluster string) model.Placement {
	return model.Placement{ComputeCluster: cluster, Datastore: "shared-1", Network: "dvpg-nodes", ResourcePool: "gantry", IPPoolID: w.pool}
}

// spec is a cluster with a control plane of n nodes and one pool of workers.
func (w *world) spec(controlPlane, workers int) model.ClusterSpec {
	return model.ClusterSpec{
		Ref: record.Ref{Kind: record.KindCluster, Name: "prod"}, New: true,
		KubernetesVersion: "1.37.2", Image: model.Image{Template: "gantry-node-1.37.2"}, Datacenter: "dc-1", Folder: "k8s/prod",
		PodCIDR: "192.168.0.0/16", ServiceCIDR: "10.96.0.0/12", CloneMode: model.CloneAuto,
		ControlPlane: model.NodePool{
			Name: model.ControlPlanePool, Count: controlPlane, CPU: 2, MemoryGB: 4,
			Placements: []model.Placement{w.placement("cluster-a")},
		},
		Workers: []model.NodePool{{
			Name: "general", Count: workers, CPU: 2, MemoryGB: 4, Meta: model.NodeMeta{Labels: map[string]string{"tier": "general"}},
			Placements: []model.Placement{w.placement("cluster-a"), w.placement("cluster-b")},
		}},
	}
}

func newSecrets(t testing.TB) *model.Secrets {
	t.Helper()
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &model.Secrets{Authorities: authorities}
}

// applied creates a cluster and fails the test if anything is not as it should be.
func (w *world) applied(spec model.ClusterSpec) (model.ClusterSpec, *model.Secrets, *engine.Outcome) {
	w.t.Helper()
	secrets := newSecrets(w.t)
	out, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets, Parents: []uuid.UUID{uuid.New()}})
	if err != nil {
		w.t.Fatal(err)
	}
	return kept(spec, out), secrets, out
}

// kept is a spec as the state has it after an apply.
func kept(spec model.ClusterSpec, out *engine.Outcome) model.ClusterSpec {
	spec.ID = out.ID
	spec.Incarnation = out.Incarnation
	spec.New = false
	spec.Known = knownOf(out.Status)
	return spec
}

// knownOf are the VMs that a state knows of.
func knownOf(status *model.Status) []model.KnownMachine {
	var known []model.KnownMachine
	for _, node := range status.Nodes {
		known = append(known, model.KnownMachine{Node: node.Name, Ref: node.VM})
	}
	return known
}

func (w *world) plan(spec model.ClusterSpec, secrets *model.Secrets) *model.Plan {
	w.t.Helper()
	p, err := w.engine().Plan(w.t.Context(), spec, secrets, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// warnings are those of a plan but for the one that these clusters have no pod network.
func warnings(p *model.Plan) []model.Finding {
	return slices.DeleteFunc(slices.Clone(p.Warnings), func(f model.Finding) bool { return f.Summary == "No pod network" })
}

func actions(p *model.Plan) []string {
	var out []string
	for _, c := range p.Changes() {
		out = append(out, c.String())
	}
	return out
}
