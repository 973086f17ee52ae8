package vsphere_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const gib = int64(1) << 30

// withPods has a datastore cluster of three datastores with Storage DRS, one of two without,
// and an empty one.
func withPods(o *simulator.Options) {
	o.Inventory.DatastoreClusters = []simulator.DatastoreCluster{
		{Name: "pod-1", Datastores: []string{"pod-1a", "pod-1b", "pod-1c"}, StorageDRS: true},
		{Name: "pod-2", Datastores: []string{"pod-2a", "pod-2b"}},
		{Name: "pod-3", StorageDRS: true},
	}
	o.Inventory.Templates = []simulator.Template{{Name: "in-pod", KubernetesVersion: "1.37.2", Snapshot: true, Datastore: "pod-1a"}}
}

func inPod(name string) func(*model.Names) {
	return placed(func(p *model.Placement) {
		p.Datastore = ""
		p.DatastoreCluster = name
	})
}

// free sets what is free on datastores.
func (v *vcenter) free(gb map[string]int64) {
	v.t.Helper()
	for name, n := range gb {
		v.must(v.SetFreeSpace(name, n*gib))
	}
}

// datastoresOf are the names of the datastores that a VM is on.
func (v *vcenter) datastoresOf(vm string) []string {
	v.t.Helper()
	var names []string
	for _, d := range v.vm(vm).Config.Hardware.Device {
		if disk, ok := d.(*types.VirtualDisk); ok {
			file := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).FileName
			name, _, _ := strings.Cut(strings.TrimPrefix(file, "["), "]")
			names = append(names, name)
		}
	}
	return names
}

func TestADatastoreClusterIsResolvedToItsDatastores(t *testing.T) {
	t.Parallel()
	v := start(t, withPods)
	v.free(map[string]int64{"pod-1a": 300, "pod-1b": 500, "pod-1c": 400})
	var place model.ResolvedPlacement
	calls := v.calls(func() { place = v.site(inPod("/dc-1/datastore/pod-1")).Placements[controlPlane] })
	if calls.Total != 2 {
		t.Errorf("a survey took %d calls", calls.Total)
	}
	var names []string
	for _, c := range place.Choices {
		names = append(names, c.Name)
	}
	if !place.Complete() || place.Datastore != "" || !strings.HasPrefix(place.DatastoreCluster, "StoragePod:") || !place.StorageDRS ||
		!slices.Equal(names, []string{"pod-1b", "pod-1c", "pod-1a"}) || place.Choices[0].FreeGB != 500 || place.Space.FreeGB != 1200 {
		t.Errorf("placement %+v", place)
	}
	if len(place.Hosts) != 3 || !place.Hosts[0].Reaches() {
		t.Errorf("hosts %+v", place.Hosts)
	}
	if off := v.site(inPod("pod-2")).Placements[controlPlane]; off.StorageDRS || len(off.Choices) != 2 {
		t.Errorf("placement %+v", off)
	}
}

func TestADatastoreClusterThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	v := start(t, withPods)
	for _, name := range []string{"pod-2a", "pod-2b", "pod-1b"} {
		v.must(v.SetMaintenance(name, true))
	}
	for name, c := range map[string]struct {
		names  func(*model.Names)
		field  model.FieldName
		detail string
	}{
		"unknown":            {inPod("pod-4"), model.FieldDatastoreCluster, "Available: pod-1, pod-2, pod-3"},
		"a datastore":        {inPod("shared-1"), model.FieldDatastoreCluster, "Set datastore in place of datastore_cluster"},
		"empty":              {inPod("pod-3"), model.FieldDatastoreCluster, "has no datastore"},
		"all in maintenance": {inPod("pod-2"), model.FieldDatastoreCluster, "pod-2a is in maintenance mode, pod-2b is in maintenance mode"},
		"no datastore": {
			placed(func(p *model.Placement) { p.Datastore = "pod-1" }), model.FieldDatastore,
			"Set datastore_cluster in place",
		},
		"one member as itself": {placed(func(p *model.Placement) { p.Datastore = "pod-1b" }), model.FieldDatastore, "End its maintenance mode"},
		"of another datacenter": {func(n *model.Names) {
			n.Datacenter = "dc-2"
			inPod("pod-1")(n)
		}, model.FieldDatastoreCluster, "The account can read none there"},
	} {
		survey := v.survey(names(c.names))
		if !slices.ContainsFunc(survey.Findings.Problems, func(f model.Finding) bool {
			return slices.Contains(f.Fields, controlPlane.Field(c.field)) && strings.Contains(f.Detail, c.detail)
		}) {
			t.Errorf("%s: %+v", name, survey.Findings.Problems)
		}
		if survey.Site.Placements[controlPlane].Complete() {
			t.Errorf("%s: %+v", name, survey.Site.Placements[controlPlane])
		}
	}
	survey := v.survey(names(inPod("pod-1")))
	if w := survey.Findings.Warnings; len(w) != 1 || !strings.Contains(w[0].Detail, "2 of 3 datastores") ||
		!strings.Contains(w[0].Detail, "pod-1b is in maintenance mode") || len(survey.Site.Placements[controlPlane].Choices) != 2 {
		t.Errorf("warnings %+v", w)
	}
}

// full makes a request for a full clone of a small VM.
func full(r *model.CloneRequest) { r.DiskGB = 20 }

func TestAClonesDatastoreIsWhatStorageDRSRecommends(t *testing.T) {
	t.Parallel()
	v := start(t, withPods)
	v.free(map[string]int64{"pod-1a": 300, "pod-1b": 500, "pod-1c": 400})
	site := v.site(inPod("pod-1"))
	// The survey is old by now: the recommendation is not.
	v.free(map[string]int64{"pod-1a": 600})
	req := request(site, "prod-cp-1", full)
	var vm string
	calls := v.calls(func() { vm = v.clone(req) })
	if calls.SOAP["RecommendDatastores"] != 1 || calls.SOAP["CloneVM_Task"] != 1 || calls.SOAP["ApplyStorageDrsRecommendation_Task"] != 0 {
		t.Errorf("a clone took %+v", calls.SOAP)
	}
	if got := v.datastoresOf(vm); !slices.Equal(got, []string{"pod-1a"}) {
		t.Errorf("the VM is on %v", got)
	}
}

// Off, refusing and recommending nothing are one: the datastore with the most free space, in
// which what is being cloned counts.
func TestWithoutARecommendationClonesGoWhereThereIsMostSpace(t *testing.T) {
	t.Parallel()
	v := start(t, withPods)
	v.free(map[string]int64{"pod-1a": 300, "pod-1b": 500, "pod-1c": 400, "pod-2a": 200, "pod-2b": 210})
	off := v.site(inPod("pod-2"))
	calls := v.calls(func() {
		first := v.datastoresOf(v.clone(request(off, "prod-cp-1", full)))
		second := v.datastoresOf(v.clone(request(off, "prod-cp-2", full)))
		if !slices.Equal(first, []string{"pod-2b"}) || !slices.Equal(second, []string{"pod-2a"}) {
			t.Errorf("the VMs are on %v and %v", first, second)
		}
	})
	if n := calls.SOAP["RecommendDatastores"]; n != 0 {
		t.Errorf("Storage DRS is off, and was asked %d times", n)
	}
	on := v.site(inPod("pod-1"))
	v.must(v.AddFault(simulator.Fault{Call: "RecommendDatastores", Kind: simulator.RefuseCall, Fault: "NotSupported"}))
	if got := v.datastoresOf(v.clone(request(on, "prod-cp-3", full))); !slices.Equal(got, []string{"pod-1b"}) {
		t.Errorf("the VM is on %v", got)
	}
	v.ClearFaults()
	v.free(map[string]int64{"pod-1a": 0, "pod-1b": 0, "pod-1c": 0}) // nothing is recommended, and vCenter says why the clone fails
	task, err := v.client.Clone(t.Context(), request(on, "prod-cp-4", full))
	v.must(err)
	if state := v.finish(task); state.Err == nil || !strings.Contains(state.Err.Error(), "space") {
		t.Errorf("got %v", state.Err)
	}
}

// A vCenter that is away has recommended nothing yet: it is asked again.
func TestARecommendationThatIsNotAnsweredIsAskedForAgain(t *testing.T) {
	t.Parallel()
	v := start(t, withPods)
	site := v.site(inPod("pod-1"))
	v.must(v.AddFault(simulator.Fault{Call: "RecommendDatastores", Kind: simulator.DropBefore}))
	_, err := v.client.Clone(t.Context(), request(site, "prod-cp-1", full))
	if !model.Transient(err) {
		t.Errorf("got %v", err)
	}
}

// Without DRS a host is named, and the datastore is one that it reaches.
func TestWithoutDRSTheHostReachesTheDatastore(t *testing.T) {
	t.Parallel()
	v := start(t, withPods)
	site := v.site(inPod("pod-1"), placed(func(p *model.Placement) { p.ComputeCluster = "cluster-c" }))
	vm := v.clone(request(site, "prod-cp-1", full))
	if got := v.datastoresOf(vm); len(got) != 1 || !strings.HasPrefix(got[0], "pod-1") {
		t.Errorf("the VM is on %v", got)
	}
}

// A linked clone shares the disk of its template, and stays with it.
func TestALinkedCloneIsOnTheDatastoreOfItsTemplate(t *testing.T) {
	t.Parallel()
	v := start(t, withPods)
	v.free(map[string]int64{"pod-1a": 100, "pod-1b": 500})
	site := v.site(inPod("pod-1"), func(n *model.Names) { n.Image.Template = "in-pod" })
	calls := v.calls(func() {
		vm := v.clone(request(site, "prod-cp-1", func(r *model.CloneRequest) { r.Mode = model.CloneLinked }))
		if got := v.datastoresOf(vm); !slices.Equal(got, []string{"pod-1a"}) {
			t.Errorf("the VM is on %v", got)
		}
	})
	if n := calls.SOAP["RecommendDatastores"]; n != 0 {
		t.Errorf("Storage DRS was asked %d times", n)
	}
}
