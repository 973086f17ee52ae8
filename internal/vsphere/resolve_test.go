package vsphere_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// One name is wrong: its part of the site is empty, and nothing else is.
func TestNamesAreResolvedOneByOne(t *testing.T) {
	t.Parallel()
	v := start(t)
	full := v.site()
	whole := full.Placements[controlPlane]
	cluster := model.ClusterField
	// without empties parts of the placement that cannot be resolved.
	without := func(empty func(*model.ResolvedPlacement)) func(*model.Site) {
		return func(s *model.Site) {
			p := whole
			empty(&p)
			s.Placements = map[model.PlacementRef]model.ResolvedPlacement{controlPlane: p}
		}
	}
	noCluster := without(func(p *model.ResolvedPlacement) {
		p.ComputeCluster = ""
		p.ComputeClusterName = ""
		p.DRS = false
		p.ResourcePool = ""
		p.Memory = nil
		p.Hosts = nil
	})
	noDatastore := without(func(p *model.ResolvedPlacement) {
		p.Datastore = ""
		p.Space = nil
		p.Hosts = nil
	})
	noNetwork := without(func(p *model.ResolvedPlacement) {
		p.Network = model.Network{}
		p.Hosts = nil
	})
	noPool := without(func(p *model.ResolvedPlacement) {
		p.ResourcePool = ""
		p.Memory = nil
	})
	noTemplate := func(s *model.Site) { s.Template = model.Template{} }
	noFolder := func(s *model.Site) { s.Folder = model.Folder{} }

	for name, test := range map[string]struct {
		change func(*model.Names)
		field  model.Field
		detail string
		site   func(*model.Site)
	}{
		"unknown template": {
			func(n *model.Names) { n.Image.Template = "gantry-node-1.37.3" },
			cluster(model.FieldTemplate), "Available: gantry-node-1.36.3, gantry-node-1.37.2", noTemplate,
		},
		"unknown image folder": {
			func(n *model.Names) { n.Image.Folder = "template" },
			cluster(model.FieldImageFolder), "Available: templates", noTemplate,
		},
		"template elsewhere": {
			func(n *model.Names) { n.Image.Folder = "k8s" },
			cluster(model.FieldTemplate), `folder "/dc-1/vm/k8s"`, noTemplate,
		},
		"folder is a VM": {
			func(n *model.Names) { n.Folder = "templates/gantry-node-1.36.3/x" },
			cluster(model.FieldFolder), "VirtualMachine", noFolder,
		},
		"folder of another datacenter": {
			func(n *model.Names) { n.Folder = "/dc-2/vm/k8s" },
			cluster(model.FieldFolder), "Begin it with /dc-1/vm", noFolder,
		},
		"unknown compute cluster": {
			placed(func(p *model.Placement) { p.ComputeCluster = "cluster-x" }),
			controlPlane.Field(model.FieldComputeCluster), "cluster-a, cluster-b, cluster-c", noCluster,
		},
		"cluster of another datacenter": {
			placed(func(p *model.Placement) { p.ComputeCluster = "cluster-d" }),
			controlPlane.Field(model.FieldComputeCluster), "cluster-a", noCluster,
		},
		"unknown datastore": {
			placed(func(p *model.Placement) { p.Datastore = "shared-2" }),
			controlPlane.Field(model.FieldDatastore), "shared-1, local-a", noDatastore,
		},
		"datastore of another cluster": {
			placed(func(p *model.Placement) { p.Datastore = "local-b" }),
			controlPlane.Field(model.FieldDatastore), "not for", noDatastore,
		},
		"unknown network": {
			placed(func(p *model.Placement) { p.Network = "dvpg-node" }),
			controlPlane.Field(model.FieldNetwork), "Available: dvpg-nodes", noNetwork,
		},
		"unknown pool": {
			placed(func(p *model.Placement) { p.ResourcePool = "gantri" }),
			controlPlane.Field(model.FieldResourcePool), "Available: gantry", noPool,
		},
		"pool of another cluster": {
			placed(func(p *model.Placement) { p.ResourcePool = "/dc-1/host/cluster-b/Resources/gantry" }),
			controlPlane.Field(model.FieldResourcePool), "not for", noPool,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			survey, err := v.client.Survey(t.Context(), model.SurveyRequest{Cluster: clusterID, Names: names(test.change)})
			if err != nil {
				t.Fatal(err)
			}
			if len(survey.Findings.Problems) != 1 {
				t.Fatalf("findings %+v", survey.Findings)
			}
			f := survey.Findings.Problems[0]
			if !slices.Equal(f.Fields, []model.Field{test.field}) || !strings.Contains(f.Detail, test.detail) || f.Summary == "" {
				t.Errorf("finding %+v", f)
			}
			want := full
			test.site(&want)
			sameSite(t, survey.Site, want)
		})
	}
}

func sameSite(t *testing.T, got, want model.Site) {
	t.Helper()
	if got.Datacenter != want.Datacenter || got.Template != want.Template {
		t.Errorf("datacenter %q, template %+v; want %q and %+v", got.Datacenter, got.Template, want.Datacenter, want.Template)
	}
	if got.Folder.Ref != want.Folder.Ref || !slices.Equal(got.Folder.Missing, want.Folder.Missing) {
		t.Errorf("folder %+v, want %+v", got.Folder, want.Folder)
	}
	if !reflect.DeepEqual(got.Placements[controlPlane], want.Placements[controlPlane]) {
		t.Errorf("placement %+v, want %+v", got.Placements[controlPlane], want.Placements[controlPlane])
	}
}

// What changes in vCenter after a cluster was created must not hide the rest.
func TestADeletedTemplateAndARenamedNetworkHideNothingElse(t *testing.T) {
	t.Parallel()
	v := start(t)
	before := v.site()
	v.must(v.DeleteVM("gantry-node-1.37.2"))
	v.rename(before.Placements[controlPlane].Network.Ref, "dvpg-renamed")

	survey := v.survey(names())
	want := before
	want.Template = model.Template{}
	p := before.Placements[controlPlane]
	p.Network = model.Network{}
	p.Hosts = nil
	p.Space = survey.Site.Placements[controlPlane].Space // the template's disk is gone
	want.Placements = map[model.PlacementRef]model.ResolvedPlacement{controlPlane: p}
	sameSite(t, survey.Site, want)
	var fields []model.Field
	for _, f := range survey.Findings.Problems {
		fields = append(fields, f.Fields...)
	}
	if want := []model.Field{model.ClusterField(model.FieldTemplate), controlPlane.Field(model.FieldNetwork)}; !slices.Equal(fields, want) {
		t.Errorf("findings on %+v, want %+v", fields, want)
	}
}

func TestAllFindingsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	v := start(t)
	survey := v.survey(names(func(n *model.Names) {
		n.Image.Template = "none"
		placed(func(p *model.Placement) {
			p.ComputeCluster = "none"
			p.Datastore = "none"
			p.Network = "none"
		})(n)
	}))
	if len(survey.Findings.Problems) != 4 {
		t.Fatalf("findings %+v", survey.Findings)
	}
	survey = v.survey(names(func(n *model.Names) { n.Datacenter = "dc-9" }))
	if len(survey.Findings.Problems) != 1 ||
		!slices.Equal(survey.Findings.Problems[0].Fields, []model.Field{model.ClusterField(model.FieldDatacenter)}) ||
		!strings.Contains(survey.Findings.Problems[0].Detail, "dc-1, dc-2") {
		t.Fatalf("findings %+v", survey.Findings)
	}
}

func TestTheSameWrongNameIsOneFinding(t *testing.T) {
	t.Parallel()
	v := start(t)
	survey := v.survey(names(func(n *model.Names) {
		wrong := model.Placement{ComputeCluster: "cluster-a", Datastore: "none", Network: "none", ResourcePool: "none"}
		n.Placements[controlPlane] = wrong
		wrong.ComputeCluster = "cluster-b"
		n.Placements[model.PlacementRef{NodePool: "general"}] = wrong
		wrong.ComputeCluster = "no-cluster"
		n.Placements[model.PlacementRef{NodePool: "general", Index: 1}] = wrong
		n.Placements[model.PlacementRef{NodePool: "general", Index: 2}] = wrong
	}))
	count := map[model.FieldName]int{}
	for _, f := range survey.Findings.Problems {
		count[f.Fields[0].Name] = len(f.Fields)
	}
	if len(survey.Findings.Problems) != 4 || count[model.FieldDatastore] != 4 || count[model.FieldNetwork] != 4 ||
		count[model.FieldResourcePool] != 4 || count[model.FieldComputeCluster] != 2 {
		t.Fatalf("findings %+v", survey.Findings)
	}
	if first := survey.Findings.Problems[0].Fields[0]; first != controlPlane.Field(model.FieldDatastore) {
		t.Errorf("the first finding is on %v, want the control plane", first)
	}
}

func TestAmbiguousNamesListTheCandidates(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	twins := []string{v.clone(request(site, "twin"))}
	ref, err := v.createFolder(site.Datacenter, "k8s/other")
	v.must(err)
	twins = append(twins, v.clone(request(site, "twin", func(r *model.CloneRequest) { r.Folder = ref })))
	for _, vm := range twins {
		v.done(v.client.PowerOff(t.Context(), vm))
	}
	survey := v.survey(names(func(n *model.Names) { n.Image.Template = "twin" }))
	if len(survey.Findings.Problems) != 1 ||
		!strings.Contains(survey.Findings.Problems[0].Detail, "/dc-1/vm/k8s/other/twin, /dc-1/vm/k8s/twin") {
		t.Fatalf("findings %+v", survey.Findings)
	}
	site = v.site(func(n *model.Names) { n.Image.Template = "other/twin" })
	if site.Template.Path != "/dc-1/vm/k8s/other/twin" {
		t.Fatalf("template %+v", site.Template)
	}
}
