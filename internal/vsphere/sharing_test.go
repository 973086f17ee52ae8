package vsphere_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const reads = "RetrievePropertiesEx"

// clusters are as many clusters of one machine each.
func (v *vcenter) clusters(n int) []uuid.UUID {
	v.t.Helper()
	site := v.site()
	var ids []uuid.UUID
	for i := range n {
		ids = append(ids, uuid.New())
		v.clone(request(site, fmt.Sprintf("c%d-cp-1", i), func(r *model.CloneRequest) {
			r.Marker.Cluster = ids[i]
			r.Marker.Address = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 10, 190, byte(i + 1)}), 18)
		}))
	}
	return ids
}

func TestSurveysShareOneReadOfTheInventory(t *testing.T) {
	t.Parallel()
	v := start(t)
	clusters := v.clusters(8)
	for name, test := range map[string]struct {
		maxAge time.Duration
		trees  int // at most
	}{
		"of a refresh": {time.Minute, 1},
		// Those that the first read is too early for share another one.
		"of plans": {0, 2},
	} {
		_, err := v.createFolder(v.site().Datacenter, "k8s") // drops what was read
		v.must(err)
		v.SetLatency(200 * time.Millisecond)
		calls := v.calls(func() {
			var wg sync.WaitGroup
			for _, id := range clusters {
				wg.Go(func() {
					survey, err := v.client.Survey(t.Context(), model.SurveyRequest{Cluster: id, Names: names(), MaxAge: test.maxAge})
					if err != nil || len(survey.Machines) != 1 || len(survey.Held) != 3*len(clusters) {
						t.Errorf("%s: %+v, %v", name, survey, err)
					}
				})
			}
			wg.Wait()
		})
		v.SetLatency(0)
		if calls.SOAP[reads] > test.trees+len(clusters) || calls.Total != calls.SOAP[reads] {
			t.Errorf("%s: %d surveys took %+v, want %d reads of the inventory and one of each cluster's VMs",
				name, len(clusters), calls, test.trees)
		}
	}
}

// age is how old a read may be in these tests: older than they get.
const age = time.Hour

// fresh reports whether the next survey reads the inventory.
func (v *vcenter) fresh() bool {
	v.t.Helper()
	calls := v.calls(func() {
		_, err := v.client.Survey(v.t.Context(), model.SurveyRequest{MaxAge: age})
		v.must(err)
	})
	return calls.Total > 0
}

func TestAChangeDropsTheSharedRead(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) { o.Users = map[string]string{"team-a@vsphere.local": "team-a-secret"} })
	site := v.site()
	c := v.config()
	c.Username = "team-a@vsphere.local"
	c.Password = "team-a-secret"
	account, err := v.pool.Get(t.Context(), c)
	v.must(err)
	ctx := t.Context()

	var vm string
	tasks := []struct {
		name  string
		start func() (string, error)
	}{
		{"clone", func() (string, error) { return v.client.Clone(ctx, request(site, "prod-cp-1")) }},
		{"clone by another identity", func() (string, error) { return account.Clone(ctx, request(site, "prod-cp-2")) }},
		{"wipe", func() (string, error) { return v.client.WipeUserdata(ctx, vm) }},
		{"power off", func() (string, error) { return v.client.PowerOff(ctx, vm) }},
		{"detach", func() (string, error) { return v.client.DetachDisks(ctx, vm, []int32{1}) }},
		{"destroy", func() (string, error) { return v.client.Destroy(ctx, vm) }},
	}
	for _, test := range tasks {
		v.fresh()
		if v.fresh() {
			t.Fatalf("before %s: a survey read the inventory again", test.name)
		}
		task, err := test.start()
		v.must(err)
		if !v.fresh() {
			t.Errorf("after %s was started: nothing was read again", test.name)
		}
		state := v.finish(task)
		v.must(state.Err)
		if state.VM != "" && vm == "" {
			vm = state.VM
		}
		if !v.fresh() {
			t.Errorf("after %s has ended: nothing was read again", test.name)
		}
	}

	levels, err := v.client.CreateFolder(ctx, site.Datacenter, "k8s/new", 0)
	if v.must(err); !v.fresh() {
		t.Error("after a folder was created: nothing was read again")
	}
	_, err = v.client.DeleteFolder(ctx, levels[1].Ref)
	v.must(err)
	if !v.fresh() {
		t.Error("after a folder was deleted: nothing was read again")
	}
}

// A call may have been carried out although its response was lost.
func TestALostResponseDropsTheSharedRead(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	v.fresh()
	v.must(v.AddFault(simulator.Fault{Kind: simulator.DropAfter, Call: "CloneVM_Task"}))
	if _, err := v.client.Clone(t.Context(), request(site, "prod-cp-1")); !model.Transient(err) {
		t.Fatalf("error %v", err)
	}
	if !v.fresh() {
		t.Error("nothing was read again")
	}
}

// A survey that must be new reads the inventory whatever is kept.
func TestANewSurveyReadsAgain(t *testing.T) {
	t.Parallel()
	v := start(t)
	v.fresh()
	calls := v.calls(func() { v.survey(nil) })
	if calls.Total != 1 {
		t.Errorf("a survey of MaxAge 0 took %+v", calls)
	}
	if v.fresh() {
		t.Error("what it has read was not kept")
	}
}

// Where several VMs have an address, each cluster is shown the one that is not
// its own, although both share a read.
func TestReportedNamesTheOtherVM(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	one := uuid.New()
	two := uuid.New()
	for name, cluster := range map[string]uuid.UUID{"a-cp-1": one, "b-cp-1": two} {
		v.clone(request(site, name, func(r *model.CloneRequest) { r.Marker.Cluster = cluster }))
	}
	addr := netip.MustParseAddr("10.10.183.7")
	for cluster, want := range map[uuid.UUID]string{
		one:       "/dc-1/vm/k8s/b-cp-1",
		two:       "/dc-1/vm/k8s/a-cp-1",
		uuid.Nil:  "/dc-1/vm/k8s/a-cp-1",
		clusterID: "/dc-1/vm/k8s/a-cp-1",
	} {
		survey, err := v.client.Survey(t.Context(), model.SurveyRequest{Cluster: cluster, MaxAge: age})
		v.must(err)
		if got := survey.Reported[addr]; got != want {
			t.Errorf("cluster %s: %s has the address, want %s", cluster, got, want)
		}
	}
}
