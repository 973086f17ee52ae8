package vsphere_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

var (
	clusterID = uuid.MustParse("11111111-2222-4333-8444-555555555555")
	ipPoolID  = uuid.MustParse("66666666-7777-4888-8999-aaaaaaaaaaaa")

	// controlPlane is the placement that names resolves.
	controlPlane = model.PlacementRef{NodePool: model.ControlPlanePool}
)

// vcenter is a simulated datacenter with a client that is logged in to it.
type vcenter struct {
	*simulator.Simulator
	t      *testing.T
	pool   *vsphere.Sessions
	client *vsphere.Client
}

func start(t *testing.T, set ...func(*simulator.Options)) *vcenter {
	t.Helper()
	v := startOnly(t, set...)
	client, err := v.pool.Get(t.Context(), v.config())
	v.must(err)
	v.client = client
	return v
}

// startOnly starts a simulated datacenter without a login.
func startOnly(t *testing.T, set ...func(*simulator.Options)) *vcenter {
	t.Helper()
	var o simulator.Options
	for _, f := range set {
		f(&o)
	}
	sim, err := simulator.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	v := &vcenter{Simulator: sim, t: t, pool: &vsphere.Sessions{}}
	t.Cleanup(v.end)
	return v
}

// end stops the datacenter and lets go of it: package testing keeps the cleanup functions
// of a parallel test, with all that they name, until the last test of the package is over.
func (v *vcenter) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_ = v.pool.LogoutAll(ctx)
	_ = v.Close()
	v.Simulator, v.pool = nil, nil
}

func (v *vcenter) config() vsphere.Config {
	return vsphere.Config{Server: v.Server(), Username: v.Username(), Password: v.Password(), CACertificate: v.CACertificate()}
}

func (v *vcenter) must(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

// calls runs f and returns the calls that it made.
func (v *vcenter) calls(f func()) simulator.Calls {
	v.t.Helper()
	v.ResetCalls()
	f()
	return v.Calls()
}

// names is a placement that resolves in the standard inventory.
func names(change ...func(*model.Names)) *model.Names {
	n := &model.Names{
		Datacenter: "dc-1",
		Image:      model.Image{Template: "gantry-node-1.37.2"},
		Folder:     "k8s",
		Placements: map[model.PlacementRef]model.Placement{controlPlane: {
			ComputeCluster: "cluster-a",
			Datastore:      "shared-1",
			Network:        "dvpg-nodes",
			ResourcePool:   "gantry",
		}},
	}
	for _, f := range change {
		f(n)
	}
	return n
}

// placed changes the placement of names.
func placed(change func(*model.Placement)) func(*model.Names) {
	return func(n *model.Names) {
		p := n.Placements[controlPlane]
		change(&p)
		n.Placements[controlPlane] = p
	}
}

func (v *vcenter) survey(n *model.Names) *model.Survey {
	v.t.Helper()
	survey, err := v.client.Survey(v.t.Context(), model.SurveyRequest{Cluster: clusterID, Names: n})
	v.must(err)
	return survey
}

// site resolves the names, which must be possible.
func (v *vcenter) site(change ...func(*model.Names)) model.Site {
	v.t.Helper()
	survey := v.survey(names(change...))
	if len(survey.Findings.Problems) > 0 {
		v.t.Fatalf("not resolved: %+v", survey.Findings)
	}
	return survey.Site
}

func request(site model.Site, name string, change ...func(*model.CloneRequest)) model.CloneRequest {
	id := uuid.New()
	req := model.CloneRequest{
		Name:      name,
		UUID:      id.String(),
		MAC:       fmt.Sprintf("00:50:56:%02x:%02x:%02x", id[0]&0x3f, id[1], id[2]),
		Template:  site.Template,
		Folder:    site.Folder.Ref,
		Placement: site.Placements[controlPlane],
		CPU:       2,
		MemoryGB:  4,
		DiskGB:    site.Template.DiskGB,
		Mode:      model.CloneFull,
		Notes:     "a node of a test",
		Marker: model.Marker{
			SchemaVersion: model.MarkerSchema,
			Cluster:       clusterID,
			Node:          name,
			Role:          model.RoleControlPlane,
			NodePool:      "cp",
			Ordinal:       1,
			Address:       netip.MustParsePrefix("10.10.183.7/18"),
			IPPool:        ipPoolID,
			CloneMode:     model.CloneFull,
			DiskGB:        site.Template.DiskGB,
			VIP:           netip.MustParseAddr("10.10.183.1"),
			Extra:         netip.MustParseAddr("10.10.183.2"),
		},
	}
	for _, f := range change {
		f(&req)
	}
	return req
}

// clone creates a VM, powers it on and returns its reference.
func (v *vcenter) clone(req model.CloneRequest) string {
	v.t.Helper()
	vm := v.cloneOff(req)
	v.done(v.client.PowerOn(v.t.Context(), vm))
	return vm
}

// cloneOff creates a VM and returns its reference.
func (v *vcenter) cloneOff(req model.CloneRequest) string {
	v.t.Helper()
	task, err := v.client.Clone(v.t.Context(), req)
	v.must(err)
	state := v.finish(task)
	v.must(state.Err)
	if state.VM == "" {
		v.t.Fatal("the clone task has no VM")
	}
	return state.VM
}

// finish polls a task until it is done.
func (v *vcenter) finish(task string) model.TaskState {
	v.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		res, err := v.client.Poll(v.t.Context(), model.PollRequest{Tasks: []string{task}})
		v.must(err)
		if state := res.Tasks[task]; state.Done {
			return state
		}
	}
	v.t.Fatalf("task %s does not end", task)
	return model.TaskState{}
}

// done waits for a task that must succeed.
func (v *vcenter) done(task string, err error) {
	v.t.Helper()
	v.must(err)
	v.must(v.finish(task).Err)
}

func asJSON(t *testing.T, x any) string {
	t.Helper()
	raw, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
