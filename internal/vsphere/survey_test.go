package vsphere_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

func TestSurveyResolvesTheSite(t *testing.T) {
	t.Parallel()
	v := start(t)
	var site *engine.Site
	calls := v.calls(func() {
		site = v.site(func(n *engine.Names) {
			n.Folder = "k8s/prod-1/nodes"
			p := n.Placements[0]
			p.Field, p.ComputeCluster, p.Datastore, p.Network, p.ResourcePool = "worker_pools[0].placement", "/dc-1/host/cluster-b", "local-b", "VM Network", ""
			n.Placements = append(n.Placements, p)
		})
	})
	if calls.Total != 2 {
		t.Fatalf("a survey took %d calls: %+v", calls.Total, calls)
	}
	if want := []string{"k8s/prod-1", "k8s/prod-1/nodes"}; site.Folder != "" || !slices.Equal(site.MissingFolders, want) {
		t.Fatalf("folder %q, missing %q", site.Folder, site.MissingFolders)
	}
	tpl := site.Template
	if tpl.Path != "/dc-1/vm/templates/gantry-node-1.34.2" || tpl.DiskGB != 20 || tpl.Snapshot == "" || !strings.HasPrefix(tpl.Datastore, "Datastore:") {
		t.Fatalf("template %+v", tpl)
	}
	if len(site.Placements) != 2 {
		t.Fatalf("placements %+v", site.Placements)
	}
	first, second := site.Placements[0], site.Placements[1]
	if first.Network.Type != "DistributedVirtualPortgroup" || first.Network.PortgroupKey == "" || first.Network.SwitchUUID == "" {
		t.Fatalf("network %+v", first.Network)
	}
	if second.ComputeClusterName != "cluster-b" || second.Network.Type != "Network" || second.ResourcePool == "" || second.ResourcePool == first.ResourcePool {
		t.Fatalf("placement %+v", second)
	}
	if tpl.Datastore != first.Datastore || first.Datastore == second.Datastore {
		t.Fatalf("datastores %q %q %q", tpl.Datastore, first.Datastore, second.Datastore)
	}
	if noSnapshot := v.site(func(n *engine.Names) { n.Template = "gantry-node-1.34.2-nosnap" }); noSnapshot.Template.Snapshot != "" {
		t.Fatalf("template %+v", noSnapshot.Template)
	}
}

func TestSurveyFindsFoldersThatExist(t *testing.T) {
	t.Parallel()
	v := start(t)
	for _, path := range []string{"k8s", "/k8s/", "/dc-1/vm/k8s"} {
		site := v.site(func(n *engine.Names) { n.Folder = path })
		if !strings.HasPrefix(site.Folder, "Folder:") || len(site.MissingFolders) > 0 {
			t.Fatalf("%q: folder %q, missing %q", path, site.Folder, site.MissingFolders)
		}
	}
	root := v.site(func(n *engine.Names) { n.Folder = "" })
	if !strings.HasPrefix(root.Folder, "Folder:") {
		t.Fatalf("root folder %q", root.Folder)
	}
}

func TestSurveyProblems(t *testing.T) {
	t.Parallel()
	v := start(t)
	placement := func(change func(*engine.Placement)) func(*engine.Names) {
		return func(n *engine.Names) { change(&n.Placements[0].Placement) }
	}
	for name, test := range map[string]struct {
		change func(*engine.Names)
		field  engine.Field
		detail string
	}{
		"unknown template":           {func(n *engine.Names) { n.Template = "gantry-node-1.34.3" }, "profile.image.template", "gantry-node-1.34.2, gantry-node-1.30.4"},
		"unknown image folder":       {func(n *engine.Names) { n.ImageFolder = "template" }, "image_folder", "templates"},
		"template elsewhere":         {func(n *engine.Names) { n.ImageFolder = "k8s" }, "profile.image.template", `folder "/dc-1/vm/k8s"`},
		"folder is a VM":             {func(n *engine.Names) { n.Folder = "templates/gantry-node-1.30.4/x" }, "folder", "VirtualMachine"},
		"unknown compute cluster":    {placement(func(p *engine.Placement) { p.ComputeCluster = "cluster-x" }), "control_plane.placement.compute_cluster", "cluster-a, cluster-b, cluster-c"},
		"cluster of another dc":      {placement(func(p *engine.Placement) { p.ComputeCluster = "cluster-d" }), "control_plane.placement.compute_cluster", "cluster-a"},
		"unknown datastore":          {placement(func(p *engine.Placement) { p.Datastore = "shared-2" }), "control_plane.placement.datastore", "shared-1, local-a"},
		"datastore of other cluster": {placement(func(p *engine.Placement) { p.Datastore = "local-b" }), "control_plane.placement.datastore", "no host of"},
		"unknown network":            {placement(func(p *engine.Placement) { p.Network = "dvpg-node" }), "control_plane.placement.network", "There is: dvpg-nodes"},
		"unknown pool":               {placement(func(p *engine.Placement) { p.ResourcePool = "gantri" }), "control_plane.placement.resource_pool", "There is: gantry"},
		"pool of another cluster":    {placement(func(p *engine.Placement) { p.ResourcePool = "/dc-1/host/cluster-b/Resources/gantry" }), "control_plane.placement.resource_pool", "does not belong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			survey, err := v.client.Survey(t.Context(), engine.SurveyRequest{ClusterID: clusterID, Datacenter: "dc-1", Names: names(test.change)})
			if err != nil {
				t.Fatal(err)
			}
			if len(survey.Problems) != 1 {
				t.Fatalf("problems %+v", survey.Problems)
			}
			// The rest of the site is told where only a placement is not found.
			placed := strings.HasPrefix(string(survey.Problems[0].Field), "control_plane.placement.")
			if (survey.Site != nil) != placed || placed && survey.Site.Placements[0] != (engine.ResolvedPlacement{}) {
				t.Errorf("site %+v", survey.Site)
			}
			p := survey.Problems[0]
			if p.Field != test.field || !strings.Contains(p.Detail, test.detail) || p.Summary == "" {
				t.Fatalf("problem %+v", p)
			}
		})
	}
}

func TestSurveyReportsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	v := start(t)
	survey := v.survey(names(func(n *engine.Names) {
		n.Template = "none"
		n.Placements[0].ComputeCluster, n.Placements[0].Datastore, n.Placements[0].Network = "none", "none", "none"
	}))
	if len(survey.Problems) != 4 {
		t.Fatalf("problems %+v", survey.Problems)
	}
	survey, err := v.client.Survey(t.Context(), engine.SurveyRequest{ClusterID: clusterID, Datacenter: "dc-9", Names: names()})
	v.must(err)
	if len(survey.Problems) != 1 || survey.Problems[0].Field != "datacenter" || !strings.Contains(survey.Problems[0].Detail, "dc-1, dc-2") {
		t.Fatalf("problems %+v", survey.Problems)
	}
}

func TestAmbiguousNamesListTheCandidates(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	v.clone(request(site, "twin"))
	ref, _, err := v.client.CreateFolder(t.Context(), "dc-1", "k8s/other")
	v.must(err)
	v.clone(request(site, "twin", func(r *engine.CloneRequest) { r.Folder = ref }))
	survey := v.survey(names(func(n *engine.Names) { n.Template = "twin" }))
	if len(survey.Problems) != 1 || !strings.Contains(survey.Problems[0].Detail, "/dc-1/vm/k8s/other/twin, /dc-1/vm/k8s/twin") {
		t.Fatalf("problems %+v", survey.Problems)
	}
	if s := v.survey(names(func(n *engine.Names) { n.Template = "other/twin" })); s.Site == nil || s.Site.Template.Path != "/dc-1/vm/k8s/other/twin" {
		t.Fatalf("problems %+v", s.Problems)
	}
}

func TestSurveySeesMachines(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	var refs []string
	for i := range 5 {
		refs = append(refs, v.clone(request(site, fmt.Sprintf("prod-cp-%d", i+1), func(r *engine.CloneRequest) {
			r.GuestInfo = map[string]string{"guestinfo.userdata": "c2VjcmV0", "guestinfo.userdata.encoding": "gzip+base64"}
			r.Marker.Address = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 10, 183, byte(i + 10)}), 18)
		})))
	}
	v.clone(request(site, "alien-cp-1", func(r *engine.CloneRequest) {
		r.Marker.Cluster = "another"
		r.Marker.Address = netip.MustParsePrefix("10.10.183.99/18")
	}))
	v.must(v.RenameVM("prod-cp-1", "renamed"))
	var survey *engine.Survey
	calls := v.calls(func() { survey = v.survey(names()) })
	if calls.Total != 2 {
		t.Fatalf("a survey with machines took %d calls: %+v", calls.Total, calls)
	}
	if len(survey.Machines) != 5 {
		t.Fatalf("%d machines", len(survey.Machines))
	}
	seen := map[string]engine.Machine{}
	for _, m := range survey.Machines {
		seen[m.Ref] = m
	}
	m := seen[refs[0]]
	if m.Path != "/dc-1/vm/k8s/renamed" || m.Marker.Node != "prod-cp-1" || m.UUID == "" || !m.PoweredOn || m.CloneMode != engine.CloneFull {
		t.Fatalf("machine %+v", m)
	}
	if len(m.Disks) != 1 || !m.Disks[0].Owned {
		t.Fatalf("disks %+v", m.Disks)
	}
	if got := survey.Reported[netip.MustParseAddr("10.10.183.99")]; got != "/dc-1/vm/k8s/alien-cp-1" {
		t.Fatalf("reported %v", survey.Reported)
	}
	want := []engine.Holding{
		{Pool: "pool-1", Address: netip.MustParseAddr("10.10.183.10"), Cluster: clusterID, Node: "prod-cp-1"},
		{Pool: "pool-1", Address: netip.MustParseAddr("10.10.183.1"), Cluster: clusterID, Node: engine.OwnerVIP},
		{Pool: "pool-1", Address: netip.MustParseAddr("10.10.183.2"), Cluster: clusterID, Node: engine.OwnerExtra},
		{Pool: "pool-1", Address: netip.MustParseAddr("10.10.183.99"), Cluster: "another", Node: "alien-cp-1"},
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
	survey, err := v.client.Survey(t.Context(), engine.SurveyRequest{ClusterID: clusterID})
	v.must(err)
	if survey.Site != nil || len(survey.Problems) > 0 || len(survey.Machines) > 0 {
		t.Fatalf("survey %+v", survey)
	}
}
