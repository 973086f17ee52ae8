package vsphere_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// renamings are all that a cluster is built with, and how it may be renamed.
var renamings = []struct {
	kind     string
	field    model.FieldName
	path, to string
	other    func(*model.Names) // the configuration follows
}{
	{"network", model.FieldNetwork, "/dc-1/network/dvpg-nodes", "dvpg-new",
		placed(func(p *model.Placement) { p.Network = "dvpg-new" })},
	{"datastore", model.FieldDatastore, "/dc-1/datastore/shared-1", "shared-new",
		placed(func(p *model.Placement) { p.Datastore = "shared-new" })},
	{"resource pool", model.FieldResourcePool, "/dc-1/host/cluster-a/Resources/gantry", "team",
		placed(func(p *model.Placement) { p.ResourcePool = "team" })},
	{"compute cluster", model.FieldComputeCluster, "/dc-1/host/cluster-a", "compute-new",
		placed(func(p *model.Placement) { p.ComputeCluster = "compute-new" })},
	{"template", model.FieldTemplate, "/dc-1/vm/templates/gantry-node-1.37.2", "node-new",
		func(n *model.Names) { n.Image.Template = "node-new" }},
	{"folder", model.FieldFolder, "/dc-1/vm/k8s", "kube", func(n *model.Names) { n.Folder = "kube" }},
	{"datacenter", model.FieldDatacenter, "/dc-1", "dc-new", func(n *model.Names) { n.Datacenter = "dc-new" }},
}

// known are the names of a cluster that has a record.
func known(site model.Site) func(*model.Names) {
	return func(n *model.Names) {
		n.KnownDatacenter = site.Datacenter
		n.KnownFolder = "/dc-1/vm/k8s/"
	}
}

// built is a clone with the marker that the engine writes.
func built(site model.Site, name string) model.CloneRequest {
	return request(site, name, func(r *model.CloneRequest) {
		n := names()
		place := n.Placements[controlPlane]
		r.Marker.Template = n.Image.Template
		r.Marker.TemplateRef = site.Template.Ref
		r.Marker.ComputeCluster = place.ComputeCluster
		r.Marker.Datastore = place.Datastore
		r.Marker.Network = place.Network
		r.Marker.ResourcePool = place.ResourcePool
		r.Marker.References = r.Placement.References()
	})
}

// sameObjects compares what two sites refer to.
func sameObjects(a, b model.Site) bool {
	x, y := a.Placements[controlPlane], b.Placements[controlPlane]
	return a.Datacenter == b.Datacenter && a.Template.Ref == b.Template.Ref && a.Folder.Ref == b.Folder.Ref &&
		x.References() == y.References() && x.Complete()
}

func TestWhatWasRenamedIsFoundByItsFormerNameToo(t *testing.T) {
	t.Parallel()
	for _, c := range renamings {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			v := start(t)
			before := v.site()
			v.cloneOff(built(before, "prod-cp-1"))
			v.must(v.Rename(c.path, c.to))

			survey := v.survey(names(known(before)))
			if len(survey.Findings.Problems) > 0 || !sameObjects(survey.Site, before) {
				t.Fatalf("problems %v, site %+v, want %+v", survey.Findings.Problems, survey.Site, before)
			}
			warnings := survey.Findings.Warnings
			if len(warnings) != 1 || warnings[0].Fields[0].Name != c.field ||
				!strings.Contains(warnings[0].Summary, "was renamed or moved") || !strings.Contains(warnings[0].Detail, c.to) {
				t.Errorf("warnings %v", warnings)
			}
			// The configuration follows.
			survey = v.survey(names(known(before), c.other))
			if len(survey.Findings.Problems)+len(survey.Findings.Warnings) > 0 || !sameObjects(survey.Site, before) {
				t.Errorf("findings %v, site %+v, want %+v", survey.Findings, survey.Site, before)
			}
		})
	}
}

// No marker knows the image folder: it is the one that the template is in by now.
func TestRenamedImageFolderIsFoundByItsTemplate(t *testing.T) {
	t.Parallel()
	v := start(t)
	from := func(folder string) func(*model.Names) {
		return func(n *model.Names) { n.Image.Folder = folder }
	}
	before := v.survey(names(from("templates"))).Site
	v.cloneOff(built(before, "prod-cp-1"))
	v.must(v.Rename("/dc-1/vm/templates", "images"))
	survey := v.survey(names(known(before), from("templates")))
	if len(survey.Findings.Problems) > 0 || survey.Site.Template.Ref != before.Template.Ref {
		t.Fatalf("problems %v, template %+v", survey.Findings.Problems, survey.Site.Template)
	}
	warnings := survey.Findings.Warnings
	if len(warnings) != 1 || warnings[0].Fields[0].Name != model.FieldImageFolder ||
		!strings.Contains(warnings[0].Summary, `"templates" was renamed or moved`) {
		t.Errorf("warnings %v", warnings)
	}
	survey = v.survey(names(known(before), from("images")))
	if len(survey.Findings.Problems)+len(survey.Findings.Warnings) > 0 {
		t.Errorf("findings %v", survey.Findings)
	}
}

// A full path of the folder has the datacenter's former name in it.
func TestFolderOfARenamedDatacenterIsFoundByItsFormerPath(t *testing.T) {
	t.Parallel()
	v := start(t)
	before := v.site()
	v.must(v.Rename("/dc-1", "dc"))
	full := func(n *model.Names) { n.Folder = "/dc-1/vm/k8s" }
	survey := v.survey(names(known(before), full))
	if len(survey.Findings.Problems) > 0 || !reflect.DeepEqual(survey.Site.Folder, before.Folder) {
		t.Errorf("folder %+v, want %+v; problems %v", survey.Site.Folder, before.Folder, survey.Findings.Problems)
	}
}

// What was never built with a name says nothing about it.
func TestUnknownNameIsNotTakenForARenamedOne(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	v.cloneOff(built(site, "prod-cp-1"))
	survey := v.survey(names(known(site), placed(func(p *model.Placement) {
		p.Network = "dvpg-none"
		p.Datastore = "shared-none"
	}), func(n *model.Names) { n.Image.Template = "node-none"; n.Folder = "other" }))
	if len(survey.Findings.Problems) != 3 || len(survey.Site.Folder.Missing) != 1 || len(survey.Findings.Warnings) > 0 {
		t.Errorf("findings %v, folder %+v", survey.Findings, survey.Site.Folder)
	}
}

// A marker is data of whoever may edit the VM: a reference to something else is no
// network.
func TestReferenceOfAnotherTypeIsNotUsed(t *testing.T) {
	t.Parallel()
	v := start(t)
	req := built(v.site(), "prod-cp-1")
	req.Marker.Network = "dvpg-gone"
	req.Marker.References.Network = req.Template.Ref
	req.Marker.Datastore = "shared-gone"
	req.Marker.References.Datastore = "no reference"
	v.cloneOff(req)
	survey := v.survey(names(placed(func(p *model.Placement) {
		p.Network = "dvpg-gone"
		p.Datastore = "shared-gone"
	})))
	if len(survey.Findings.Problems) != 2 || survey.Site.Placements[controlPlane].Network.Ref != "" {
		t.Errorf("findings %v, site %+v", survey.Findings, survey.Site)
	}
}

func TestNameThatMeansAnotherObjectNowIsAWarningThatNamesBoth(t *testing.T) {
	t.Parallel()
	v := start(t)
	before := v.site()
	v.cloneOff(built(before, "prod-cp-1"))
	v.must(v.Rename("/dc-1/vm/templates/gantry-node-1.37.2", "former"))
	v.must(v.Rename("/dc-1/vm/templates/gantry-node-1.37.2-nosnap", "gantry-node-1.37.2"))
	v.must(v.Rename("/dc-1/network/dvpg-nodes", "dvpg-former"))
	v.must(v.Rename("/dc-1/network/dvpg-b", "dvpg-nodes"))

	survey := v.survey(names(known(before)))
	place := survey.Site.Placements[controlPlane]
	if len(survey.Findings.Problems) > 0 || survey.Site.Template.Ref == before.Template.Ref ||
		place.Network.Ref == before.Placements[controlPlane].Network.Ref {
		t.Fatalf("site %+v, problems %v", survey.Site, survey.Findings.Problems)
	}
	if len(survey.Findings.Warnings) != 2 {
		t.Fatalf("warnings %v", survey.Findings.Warnings)
	}
	for i, words := range [][]string{
		{"Template \"gantry-node-1.37.2\" is another object now", "/dc-1/vm/templates/former", "/dc-1/vm/templates/gantry-node-1.37.2"},
		{"Network \"dvpg-nodes\" is another object now", "/dc-1/network/dvpg-former", "/dc-1/network/dvpg-nodes"},
	} {
		for _, word := range words {
			if !strings.Contains(survey.Findings.Warnings[i].String(), word) {
				t.Errorf("%q is not in %s", word, survey.Findings.Warnings[i])
			}
		}
	}
	// Once a node is built with it, it is a known one.
	v.cloneOff(built(survey.Site, "prod-cp-2"))
	if survey = v.survey(names(known(before))); len(survey.Findings.Warnings) > 0 {
		t.Errorf("warnings %v", survey.Findings.Warnings)
	}
}
