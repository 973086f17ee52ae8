package vsphere_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func TestSurveyResolvesTheSite(t *testing.T) {
	t.Parallel()
	v := start(t)
	worker := model.PlacementRef{NodePool: "general"}
	var site model.Site
	calls := v.calls(func() {
		site = v.site(func(n *model.Names) {
			n.Folder = "k8s/prod-1/nodes"
			n.Placements[worker] = model.Placement{
				ComputeCluster: "/dc-1/host/cluster-b",
				Datastore:      "local-b",
				Network:        "VM Network",
			}
		})
	})
	if calls.Total != 2 {
		t.Fatalf("a survey took %d calls: %+v", calls.Total, calls)
	}
	if want := []string{"k8s/prod-1", "k8s/prod-1/nodes"}; site.Folder.Ref != "" || !slices.Equal(site.Folder.Missing, want) {
		t.Fatalf("folder %+v", site.Folder)
	}
	tpl := site.Template
	if tpl.Path != "/dc-1/vm/templates/gantry-node-1.37.2" || tpl.DiskGB != 20 ||
		tpl.Snapshot == "" || !strings.HasPrefix(tpl.Datastore, "Datastore:") {
		t.Fatalf("template %+v", tpl)
	}
	if len(site.Placements) != 2 {
		t.Fatalf("placements %+v", site.Placements)
	}
	first := site.Placements[controlPlane]
	second := site.Placements[worker]
	if !first.Complete() || !second.Complete() {
		t.Fatalf("placements %+v", site.Placements)
	}
	if first.Network.Type != "DistributedVirtualPortgroup" || first.Network.PortgroupKey == "" || first.Network.SwitchUUID == "" {
		t.Fatalf("network %+v", first.Network)
	}
	if second.ComputeClusterName != "cluster-b" || second.Network.Type != "Network" || second.ResourcePool == "" ||
		second.ResourcePool == first.ResourcePool {
		t.Fatalf("placement %+v", second)
	}
	if tpl.Datastore != first.Datastore || first.Datastore == second.Datastore {
		t.Fatalf("datastores %q %q %q", tpl.Datastore, first.Datastore, second.Datastore)
	}
	if noSnapshot := v.site(func(n *model.Names) { n.Image.Template = "gantry-node-1.37.2-nosnap" }); noSnapshot.Template.Snapshot != "" {
		t.Fatalf("template %+v", noSnapshot.Template)
	}
}

func TestSurveyFindsFoldersThatExist(t *testing.T) {
	t.Parallel()
	v := start(t)
	for _, path := range []string{"k8s", "/k8s/", "/dc-1/vm/k8s"} {
		site := v.site(func(n *model.Names) { n.Folder = path })
		if !strings.HasPrefix(site.Folder.Ref, "Folder:") || len(site.Folder.Missing) > 0 {
			t.Fatalf("%q: folder %+v", path, site.Folder)
		}
	}
	root := v.site(func(n *model.Names) { n.Folder = "" })
	if !strings.HasPrefix(root.Folder.Ref, "Folder:") {
		t.Fatalf("root folder %+v", root.Folder)
	}
}

// The cards of all VMs are seen, in the calls of any other survey: those of templates,
// of VMs that are off, and of several on one VM.
func TestSurveySeesNetworkCards(t *testing.T) {
	t.Parallel()
	v := start(t)
	distributed := v.site()
	standard := v.site(func(n *model.Names) { placed(func(p *model.Placement) { p.Network = "VM Network" })(n) })
	var want []model.CloneRequest
	for i, site := range []model.Site{distributed, standard} {
		req := request(site, fmt.Sprintf("prod-cp-%d", i+1), func(r *model.CloneRequest) {
			r.Marker.Address = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 10, 183, byte(i + 10)}), 18)
		})
		v.done(v.client.PowerOff(t.Context(), v.clone(req)))
		want = append(want, req)
	}
	var survey *model.Survey
	calls := v.calls(func() { survey = v.survey(names()) })
	if calls.Total != 2 {
		t.Fatalf("a survey took %d calls: %+v", calls.Total, calls)
	}
	for _, req := range want {
		nic := model.NIC{UUID: req.UUID, Network: req.Placement.Network.Key()}
		if got := survey.NICs[req.MAC]; !slices.Equal(got, []model.NIC{nic}) || nic.Network == "" {
			t.Errorf("%s: %+v, want %+v", req.MAC, got, nic)
		}
	}
	if distributed.Placements[controlPlane].Network.Key() == standard.Placements[controlPlane].Network.Key() {
		t.Error("two networks have one key")
	}
	if len(survey.NICs) <= len(want) {
		t.Errorf("the templates' cards are missing: %v", survey.NICs)
	}
}

func TestSurveySeesMachines(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	var refs []string
	for i := range 5 {
		refs = append(refs, v.clone(request(site, fmt.Sprintf("prod-cp-%d", i+1), func(r *model.CloneRequest) {
			r.GuestInfo = map[string]string{"guestinfo.userdata": "c2VjcmV0", "guestinfo.userdata.encoding": "gzip+base64"}
			r.Marker.Address = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 10, 183, byte(i + 10)}), 18)
		})))
	}
	another := uuid.MustParse("99999999-0000-4000-8000-000000000000")
	v.clone(request(site, "alien-cp-1", func(r *model.CloneRequest) {
		r.Marker.Cluster = another
		r.Marker.Address = netip.MustParsePrefix("10.10.183.99/18")
	}))
	v.must(v.RenameVM("prod-cp-1", "renamed"))
	var survey *model.Survey
	calls := v.calls(func() { survey = v.survey(names()) })
	if calls.Total != 2 {
		t.Fatalf("a survey with machines took %d calls: %+v", calls.Total, calls)
	}
	if len(survey.Machines) != 5 {
		t.Fatalf("%d machines", len(survey.Machines))
	}
	seen := map[string]model.Machine{}
	for _, m := range survey.Machines {
		seen[m.Ref] = m
	}
	m := seen[refs[0]]
	if m.Path != "/dc-1/vm/k8s/renamed" || m.Marker.Node != "prod-cp-1" || m.UUID == "" ||
		!m.PoweredOn || m.Marker.CloneMode != model.CloneFull || !m.Userdata {
		t.Fatalf("machine %+v", m)
	}
	if disks := v.disks(m.Ref); len(disks) != 1 || !disks[0].Owned {
		t.Fatalf("disks %+v", disks)
	}
	if got := survey.Reported[netip.MustParseAddr("10.10.183.99")]; got != "/dc-1/vm/k8s/alien-cp-1" {
		t.Fatalf("reported %v", survey.Reported)
	}
	want := []model.Holding{
		{IPPool: ipPoolID, Address: netip.MustParseAddr("10.10.183.10"), Cluster: clusterID, Node: "prod-cp-1"},
		{IPPool: ipPoolID, Address: netip.MustParseAddr("10.10.183.1"), Cluster: clusterID, Node: model.OwnerVIP},
		{IPPool: ipPoolID, Address: netip.MustParseAddr("10.10.183.2"), Cluster: clusterID, Node: model.OwnerExtra},
		{IPPool: ipPoolID, Address: netip.MustParseAddr("10.10.183.99"), Cluster: another, Node: "alien-cp-1"},
	}
	for _, h := range want {
		if !slices.Contains(survey.Held, h) {
			t.Fatalf("held %+v lacks %+v", survey.Held, h)
		}
	}
}

func TestSurveyWithoutNamesResolvesNothing(t *testing.T) {
	t.Parallel()
	v := start(t)
	survey, err := v.client.Survey(t.Context(), model.SurveyRequest{Cluster: clusterID})
	v.must(err)
	if !reflect.DeepEqual(survey.Site, model.Site{}) || len(survey.Findings.Problems) > 0 || len(survey.Machines) > 0 {
		t.Fatalf("survey %+v", survey)
	}
}
