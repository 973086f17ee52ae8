package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// withLibrary is a datacenter with a content library that has the item of fromLibrary.
func withLibrary(more ...simulator.LibraryItem) simulator.Options {
	items := append([]simulator.LibraryItem{{Name: "node", Descriptor: ovatest.Descriptor(ovatest.Image{})}}, more...)
	return simulator.Options{Inventory: simulator.Inventory{Libraries: []simulator.Library{{Name: "images", Items: items}}}}
}

func fromLibrary(item string) model.Image {
	return model.FromLibrary(model.LibraryItem{Library: "images", Item: item}, "images/gantry")
}

// resolved is an image with what its names mean.
func (w *world) resolved(image model.Image) model.Image {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Names: &model.Names{Datacenter: "dc-1", Image: image}})
	w.must(err)
	return model.ClusterSpec{Image: image}.Resolved(survey.Site).Image
}

func (w *world) deployments() int { return w.sim.Calls().REST["POST library-item/id?deploy"] }

func TestClusterIsBuiltFromALibrary(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLibrary())
	image := w.resolved(fromLibrary("node"))
	spec, secrets, out := w.applied(w.imageSpec(fromLibrary("node")))
	if out.Status.State != model.StateRunning {
		t.Fatalf("status %+v", out.Status)
	}
	at := slices.Index(out.Changes, model.Change{Action: model.ActionImportImage, Target: "images/node"})
	first := slices.IndexFunc(out.Changes, func(c model.Change) bool { return c.Action == model.ActionCreateNode })
	if at < 0 || at > first {
		t.Errorf("the changes are %v", out.Changes)
	}
	path := "/dc-1/vm/images/gantry/" + image.Template
	if got := w.imported(); !slices.Equal(got, []string{path}) || !strings.HasPrefix(image.Template, "images-node-") ||
		!strings.HasSuffix(image.Template, "-v1") {
		t.Errorf("imported are %v, want %v", got, path)
	}
	w.checkTemplate(path)
	w.checkImageRecord(image)
	w.sim.ResetCalls()
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil || len(warnings(again)) > 0 {
		t.Errorf("a second plan has the steps %v, the problems %v and the warnings %v", actions(again), again.Problems, again.Warnings)
	}
	calls := 0
	for _, call := range []string{"POST library?find", "POST item?find", "GET item/id"} {
		if n := w.sim.Calls().REST[call]; n != 1 {
			t.Errorf("%s was called %d times", call, n)
		}
		calls++
	}
	if all := w.sim.Calls(); all.REST["GET library/id"]+all.REST["POST library-item/id?filter"]+w.deployments() > 0 {
		t.Errorf("the calls are %v", all.REST)
	}
	// Another cluster uses it, of another run.
	other := w.imageSpec(fromLibrary("node"))
	other.Name = "other"
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: other, Secrets: newSecrets(t)})
	w.must(err)
	if w.deployments() > 0 || len(w.imported()) != 1 || out.Status.State != model.StateRunning {
		t.Errorf("the item was deployed again, %v are imported, and the state is %s", w.imported(), out.Status.State)
	}
}

// checkTemplate checks that a template has its snapshot and nothing that clones must not have.
func (w *world) checkTemplate(path string) {
	w.t.Helper()
	w.asAdministrator(path, func(_ *govmomi.Client, vm *object.VirtualMachine) {
		var p mo.VirtualMachine
		w.must(vm.Properties(w.t.Context(), vm.Reference(), []string{"config", "snapshot"}, &p))
		if !p.Config.Template || p.Snapshot == nil || p.Config.VAppConfig != nil {
			w.t.Errorf("%s is a template: %t, has the snapshot %v and the vApp options %v", path, p.Config.Template, p.Snapshot, p.Config.VAppConfig)
		}
		for _, device := range p.Config.Hardware.Device {
			switch device.(type) {
			case types.BaseVirtualEthernetCard, *types.VirtualCdrom:
				w.t.Errorf("%s has the device %T", path, device)
			}
		}
		if strings.Contains(p.Config.Annotation, "deploys") {
			w.t.Errorf("the notes of %s are %q", path, p.Config.Annotation)
		}
	})
}

// Who publishes another version of an item rolls no nodes; whoever asks for it does.
func TestPublishedVersionRollsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLibrary())
	spec, secrets, _ := w.applied(w.imageSpec(fromLibrary("node")))
	w.must(w.sim.PublishItem("node", ovatest.Descriptor(ovatest.Image{DiskBytes: 70_000})))
	p := w.plan(spec, secrets)
	if !p.Empty() || p.Err() != nil {
		t.Fatalf("a plan has the steps %v and the problems %v", actions(p), p.Problems)
	}
	spec.Workers[0].Count = 2
	p = w.plan(spec, secrets)
	w.must(p.Err())
	if !slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
		return f.Fields[0].Name == model.FieldTemplate && strings.Contains(f.Detail, `set version = "2"`)
	}) {
		t.Errorf("the warnings are %v", p.Warnings)
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: changesOf(p)})
	w.must(err)
	spec = kept(spec, out)
	if w.deployments() != 1 || len(out.Status.Nodes) != 3 {
		t.Errorf("the item was deployed %d times, and the nodes are %v", w.deployments(), out.Status.Nodes)
	}
	// The version that the nodes have is kept by name, and needs the library no more.
	pinned := spec
	pinned.Image.Library = &model.LibraryItem{Library: "images", Item: "node", Version: "1"}
	if p := w.plan(pinned, secrets); !p.Empty() || p.Err() != nil || len(warnings(p)) > 0 {
		t.Errorf("a plan of version 1 has the steps %v, the problems %v and the warnings %v", actions(p), p.Problems, p.Warnings)
	}
	newer := spec
	newer.Image.Library = &model.LibraryItem{Library: "images", Item: "node", Version: "2"}
	p = w.plan(newer, secrets)
	w.must(p.Err())
	if !slices.Contains(actions(p), "import_image images/node, version 2") || !slices.Contains(actions(p), "delete_node prod-cp-1") {
		t.Errorf("a plan of version 2 has the steps %v", actions(p))
	}
	out, err = w.engine().Apply(t.Context(), engine.Request{Spec: newer, Secrets: secrets, Shown: changesOf(p)})
	w.must(err)
	spec = kept(spec, out)
	if n := len(w.imported()); n != 2 || w.deployments() != 2 || out.Status.State != model.StateRunning {
		t.Errorf("%d are imported, the item was deployed %d times, and the state is %s", n, w.deployments(), out.Status.State)
	}
	w.must(w.sim.DeleteItem("node"))
	spec.Workers[0].Count = 3
	p = w.plan(spec, secrets)
	w.must(p.Err())
	out, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: changesOf(p)})
	w.must(err)
	if p := w.plan(kept(spec, out), secrets); !p.Empty() || w.deployments() != 2 {
		t.Errorf("without the item, a plan has the steps %v", actions(p))
	}
}

// An item that is deleted and made again under its name counts from version 1 again: nodes stay
// as they are, and whoever asks for the new item's version gets it.
func TestItemIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLibrary())
	spec, secrets, _ := w.applied(w.imageSpec(fromLibrary("node")))
	former := w.imported()
	w.must(w.sim.ReplaceItem("node", ovatest.Descriptor(ovatest.Image{DiskBytes: 70_000})))
	for _, version := range []string{"", "1"} {
		spec.Workers[0].Count = 2
		spec.Image.Library = &model.LibraryItem{Library: "images", Item: "node", Version: version}
		p := w.plan(spec, secrets)
		w.must(p.Err())
		asked := model.VersionOfItem(w.itemID("node"), "1")
		got := actions(p)
		if !slices.Equal(got, []string{"create_node prod-general-2"}) || !slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
			return f.Summary == `Item "node" was made again` && strings.Contains(f.Detail, `set version = "`+asked+`"`)
		}) {
			t.Errorf("with version %q, a plan has the steps %v and the warnings %v", version, got, p.Warnings)
		}
	}
	spec.Workers[0].Count = 1
	spec.Image.Library = &model.LibraryItem{Library: "images", Item: "node", Version: model.VersionOfItem(w.itemID("node"), "1")}
	p := w.plan(spec, secrets)
	w.must(p.Err())
	again := func(f model.Finding) bool { return f.Summary == `Item "node" was made again` }
	if !slices.Contains(actions(p), "delete_node prod-cp-1") || slices.ContainsFunc(p.Warnings, again) {
		t.Fatalf("a plan of the new item has the steps %v and the warnings %v", actions(p), p.Warnings)
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: changesOf(p)})
	w.must(err)
	if all := w.imported(); len(all) != 2 || !slices.Contains(all, former[0]) || w.deployments() != 2 {
		t.Errorf("imported are %v", all)
	}
	if p := w.plan(kept(spec, out), secrets); !p.Empty() || len(warnings(p)) > 0 {
		t.Errorf("a second plan has the steps %v and the warnings %v", actions(p), p.Warnings)
	}
}

// itemID is the id of an item that is there.
func (w *world) itemID(item string) string {
	w.t.Helper()
	image := fromLibrary(item)
	image.Folder = ""
	return w.resolved(image).Library.Content.ID
}

// A library that does not answer stops no cluster whose template is there.
func TestLibraryIsNotNeededWhereTheTemplateIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLibrary())
	spec, secrets, _ := w.applied(w.imageSpec(fromLibrary("node")))
	for _, call := range []string{"POST library?find", "POST item?find", "GET item/id"} {
		w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.RefuseCall, Call: call, Times: -1, Fault: "service_unavailable"}))
	}
	spec.Workers[0].Count = 2
	p := w.plan(spec, secrets)
	w.must(p.Err())
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: changesOf(p)})
	w.must(err)
	if len(out.Status.Nodes) != 3 {
		t.Errorf("the nodes are %v", out.Status.Nodes)
	}
	other := w.imageSpec(fromLibrary("node"))
	other.Name = "other"
	_, err = w.engine().PlanCreation(t.Context(), other, unknownFormer)
	if err == nil || !model.Transient(err) || !strings.Contains(err.Error(), `read the content library "images"`) {
		t.Errorf("a creation that needs it: %v", err)
	}
}

// Where what is deployed is not bound by the spec, the plan says which version the library has.
func TestPlanSaysWhichVersionIsDeployed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLibrary())
	says := func(version string) bool {
		image := model.FromLibrary(model.LibraryItem{Library: "images", Item: "node", Version: version}, "images/gantry")
		p, err := w.engine().PlanCreation(t.Context(), w.imageSpec(image), unknownFormer)
		w.must(err)
		w.must(p.Err())
		return slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
			return f.Summary == `Version 1 of item "node" is deployed` && strings.Contains(f.Detail, `version = "1"`)
		})
	}
	if !says("") || says("1") {
		t.Errorf("of the version it says %t, and where it is set, %t", says(""), says("1"))
	}
}

// A deployment goes on where its answer is lost, however often, and so does the run.
func TestAnswerOfADeploymentIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLibrary())
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DropAfter, Call: "POST library-item/id?deploy", Times: 2}))
	w.applied(w.imageSpec(fromLibrary("node")))
	if n := w.sim.Calls().SOAP["Destroy_Task"]; n > 0 || w.deployments() != 3 || len(w.imported()) != 1 {
		t.Errorf("%d VMs were destroyed, %v are imported, and it was asked for %d times", n, w.imported(), w.deployments())
	}
}

// Clusters of several runs are created at the same time: one deploys, the others wait.
func TestTwoRunsDeployOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLibrary())
	errs := make(chan error, 2)
	for _, name := range []string{"one", "two"} {
		e := w.engine()
		spec := w.imageSpec(fromLibrary("node"))
		spec.Name = name
		spec.Folder = "k8s/" + name
		go func() {
			_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
			errs <- err
		}()
	}
	for range 2 {
		w.must(<-errs)
	}
	if w.deployments() != 1 || len(w.imported()) != 1 {
		t.Errorf("the item was deployed %d times, and %v are imported", w.deployments(), w.imported())
	}
}

// An item may be a VM template, or one whose content has to come from another library first.
func TestItemsOfOtherKinds(t *testing.T) {
	t.Parallel()
	options := withLibrary(simulator.LibraryItem{Name: "template", Template: "gantry-node-1.37.2", NetworkGone: true, WithoutContent: true})
	options.Inventory.Libraries = append(options.Inventory.Libraries, simulator.Library{
		Name: "far", Subscribed: true, Items: []simulator.LibraryItem{
			{Name: "node", WithoutContent: true, EULAs: []string{"agree"}, Descriptor: ovatest.Descriptor(ovatest.Image{})},
		},
	})
	w := newWorld(t, options)
	far := model.FromLibrary(model.LibraryItem{Library: "far", Item: "node", AcceptEULAs: true}, "images/gantry")
	for name, image := range map[string]model.Image{"template": fromLibrary("template"), "far": far} {
		spec := w.imageSpec(image)
		spec.Name = name
		spec.Folder = "k8s/" + name
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
		w.must(err)
		if out.Status.State != model.StateRunning {
			t.Errorf("%s: %s", name, out.Status.State)
		}
		w.checkTemplate("/dc-1/vm/images/gantry/" + w.resolved(image).Template)
	}
	calls := w.sim.Calls().REST
	if calls["POST library-items/id?deploy"] != 1 || calls["POST subscribed-item/id?sync"] != 1 || w.deployments() != 1 {
		t.Errorf("the calls are %v", calls)
	}
}
