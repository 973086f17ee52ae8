package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// builtImage is one that is built of a template by scripts.
func builtImage(scripts ...string) model.Image {
	return model.Built(model.Build{
		Base: model.Image{Template: "gantry-node-1.37.2"}, Scripts: scripts, CPU: 2, MemoryGB: 4,
	}, "images/gantry")
}

func TestClusterIsBuiltFromABuiltImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("echo ready")
	spec, secrets, out := w.applied(w.imageSpec(image))
	if out.Status.State != model.StateRunning {
		t.Fatalf("status %+v", out.Status)
	}
	changes := out.Changes
	at := slices.Index(changes, model.Change{Action: model.ActionBuildImage, Target: image.Template})
	if first := slices.IndexFunc(changes, func(c model.Change) bool { return c.Action == model.ActionCreateNode }); at < 0 || at > first {
		t.Errorf("the changes are %v", changes)
	}
	made := w.imported()
	if len(made) != 1 || !strings.HasPrefix(made[0], "/dc-1/vm/images/gantry/"+image.Template+"-") {
		t.Errorf("made are %v", made)
	}
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
}

// Another cluster uses the image, and two runs at once build one.
func TestTwoRunsBuildOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("echo ready")
	errs := make(chan error, 2)
	for _, name := range []string{"one", "two"} {
		e := w.engine()
		spec := w.imageSpec(image)
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
	// A later one uses it, too, whose template is gone by then.
	w.must(w.sim.DeleteVM("gantry-node-1.37.2"))
	spec := w.imageSpec(image)
	spec.Name = "three"
	spec.Folder = "k8s/three"
	w.applied(spec)
	if made, marked := w.imported(), w.sim.Calls().SOAP["MarkAsTemplate"]; len(made) != 1 || marked != 1 {
		t.Errorf("made are %v, in %d calls", made, marked)
	}
}

// No secret of the run, and nothing that made it a VM of Gantry's, is in the template.
func TestABuiltImageHasNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("echo ready")
	spec := w.imageSpec(image)
	spec.Proxy = &model.Proxy{HTTP: "http://svc:hunter2@proxy.example.com:3128", HTTPS: "http://svc:hunter2@proxy.example.com:3128"}
	w.applied(spec)
	w.asAdministrator(w.imported()[0], func(_ *govmomi.Client, vm *object.VirtualMachine) {
		var have mo.VirtualMachine
		w.must(vm.Properties(t.Context(), vm.Reference(), []string{"config", "snapshot"}, &have))
		for _, option := range have.Config.ExtraConfig {
			o := option.GetOptionValue()
			text, _ := o.Value.(string)
			if text != "" && (strings.HasPrefix(o.Key, "guestinfo.") || o.Key == "gantry.node" || strings.Contains(text, "hunter2")) {
				t.Errorf("%s is %.60q", o.Key, text)
			}
		}
		for _, device := range have.Config.Hardware.Device {
			if _, ok := device.(types.BaseVirtualEthernetCard); ok {
				t.Error("it has a network card")
			}
		}
		if have.Snapshot == nil || !have.Config.Template {
			t.Error("it is no template with a snapshot")
		}
	})
}

// notBuilt applies a cluster whose image cannot be built, and returns why. Neither its VM nor its
// address is left.
func (w *world) notBuilt(e *engine.Engine, image model.Image) string {
	w.t.Helper()
	_, err := e.Apply(w.t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(w.t)})
	if err == nil {
		w.t.Fatal("the image was built")
	}
	if left := w.imported(); len(left) > 0 {
		w.t.Errorf("left behind are %v", left)
	}
	if n := w.claims(); n != 2 { // VIP and extra
		w.t.Errorf("%d addresses are claimed", n)
	}
	for _, tag := range w.sim.Leftovers().Tags {
		if strings.HasPrefix(tag, "image:") {
			w.t.Errorf("the tag %s is left behind", tag)
		}
	}
	return err.Error()
}

func TestFailedScriptIsToldAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	says := w.notBuilt(w.engine(), builtImage("echo one", "exit 3"))
	if !strings.Contains(says, "has failed") || !strings.Contains(says, "command 002 of build failed with status 3") {
		t.Errorf("it says %s", says)
	}
	// The address is free, and the image can be built of other scripts.
	w.applied(w.imageSpec(builtImage("echo one")))
}

func TestSilentBuildIsToldWhatToLookAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.must(w.sim.SetVMOption("gantry-node-1.37.2", "isolation.tools.setinfo.disable", "TRUE"))
	e := w.engine()
	e.Timing.BootTimeout = time.Second
	says := w.notBuilt(e, builtImage("echo one"))
	if !strings.Contains(says, "has reported nothing within 1s") || !strings.Contains(says, "isolation.tools.setinfo.disable is TRUE") {
		t.Errorf("it says %s", says)
	}
}

// building waits until an image is being built, or has just been, and returns the name of its VM.
func (w *world) building(image model.Image) string {
	w.t.Helper()
	for range 4000 {
		for _, g := range w.sim.Guests() {
			if strings.HasPrefix(g.Name, image.Template) && slices.Contains([]guest.Phase{
				guest.PhaseBuilding, guest.PhaseCleaning, guest.PhaseBuilt,
			}, g.Phase) {
				return g.Name
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Error("no image is being built")
	return ""
}

// A user powers the VM off, or deletes it, while the image is built.
func TestVMOfABuildIsTakenAway(t *testing.T) {
	t.Parallel()
	for does, says := range map[string]string{
		"powered off": "was powered off before it had reported that the image is built",
		"deleted":     "was deleted meanwhile",
	} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			image := builtImage("sleep infinity")
			go func() {
				name := w.building(image)
				_ = w.sim.PowerOffVM(name)
				if does == "deleted" {
					_ = w.sim.DeleteVM(name)
				}
			}()
			if err := w.notBuilt(w.engine(), image); !strings.Contains(err, says) {
				t.Errorf("it says %s", err)
			}
		})
	}
}

// killedBuilding kills a creation while its image is built: the VM runs on.
func (w *world) killedBuilding(image model.Image) {
	w.t.Helper()
	w.killedWhileBuilding(image, func(ctx context.Context, dying *engine.Engine) {
		_, _ = dying.Apply(ctx, engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(w.t)})
	})
}

// What a killed run has left is deleted, with its address, when the image is another one by now.
func TestBuilderOfAKilledRunIsDeletedWhenTheImageChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.killedBuilding(builtImage("sleep infinity"))
	// A copy that a user has made of it, with all that its configuration says, is theirs.
	copied := "/dc-1/vm/images/gantry/of-mine"
	w.cloneByHand(w.imported()[0], "of-mine")
	other := builtImage("echo another")
	_, _, out := w.applied(w.imageSpec(other))
	made := slices.DeleteFunc(w.imported(), func(path string) bool { return path == copied })
	if len(made) != 1 || !strings.Contains(made[0], other.Template) {
		t.Errorf("made are %v", made)
	}
	if len(w.imported()) != 2 {
		t.Errorf("the copy is gone: %v", w.imported())
	}
	if n := w.claims(); n != 4 || len(out.Status.Nodes) != 2 { // VIP, extra and two nodes
		t.Errorf("%d addresses are claimed, and the nodes are %v", n, out.Status.Nodes)
	}
}

// A destruction deletes what a killed run has left.
func TestBuilderOfAKilledRunIsDestroyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("sleep infinity")
	w.killedBuilding(image)
	rec := w.record()
	spec := w.imageSpec(image)
	target := spec.Target()
	target.ID = rec.ID
	target.Incarnation = rec.Incarnation
	w.must(w.engine().Destroy(t.Context(), target))
	if left, n := w.imported(), w.claims(); len(left) > 0 || n > 0 {
		t.Errorf("left are %v and %d addresses", left, n)
	}
}

// Other scripts are another image, and nodes are built from it.
func TestAnotherBuildRolls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.imageSpec(builtImage("echo one")))
	spec.Image = builtImage("echo two")
	p := w.plan(spec, secrets)
	w.must(p.Err())
	steps := actions(p)
	if !slices.Contains(steps, "build_image "+spec.Image.Template) || !slices.Contains(steps, "create_node prod-general-2") {
		t.Errorf("the steps are %v", steps)
	}
	// The size of its VM is not in it, nor is how its template is spelled, or called.
	spec.Image = builtImage("echo one")
	spec.Image.Build.CPU = 8
	spec.Image.Build.Base.Template = "templates/gantry-node-1.37.2"
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("the steps are %v", actions(p))
	}
	w.must(w.sim.RenameVM("gantry-node-1.37.2", "ubuntu"))
	build := *spec.Image.Build
	build.Base.Template = "ubuntu"
	spec.Image = model.Built(build, spec.Image.Folder)
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("with another name of the template the steps are %v", actions(p))
	}
}

// A template whose snapshot is another one by now is said; nodes that are there stay, and the next
// one is built from what it is now.
func TestBaseOfABuiltImageChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.imageSpec(builtImage("echo one"))
	spec.CloneMode = model.CloneFull
	spec, secrets, _ := w.applied(spec)
	w.must(w.sim.SnapshotVM("gantry-node-1.37.2", "patched"))
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("the steps are %v", actions(p))
	}
	spec.Workers[0].Count = 2
	p := w.plan(spec, secrets)
	w.must(p.Err())
	warns := func(f model.Finding) bool { return strings.Contains(f.Summary, "is not what the image was built of") }
	if !slices.ContainsFunc(p.Warnings, warns) {
		t.Errorf("the warnings are %v", p.Warnings)
	}
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: changesOf(p)})
	w.must(err)
	if made := w.imported(); len(made) != 2 {
		t.Errorf("made are %v", made)
	}
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("the steps are %v", actions(p))
	}
}

// An image is built of an OVA, which is imported first.
func TestImageIsBuiltOfAnOVA(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, base := w.serve(ovatest.Image{})
	image := model.Built(model.Build{Base: base, Scripts: []string{"echo one"}, CPU: 2, MemoryGB: 4}, "images/gantry")
	spec, secrets, _ := w.applied(w.imageSpec(image))
	want := []string{"/dc-1/vm/images/gantry/" + base.Template, "/dc-1/vm/images/gantry/" + image.Template}
	if made := w.imported(); !slices.Equal(made, want) || len(server.Requests()) != 1 {
		t.Errorf("made are %v, want %v, with %d requests", made, want, len(server.Requests()))
	}
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil {
		t.Errorf("the steps are %v, the problems %v", actions(p), p.Problems)
	}
}

// The VM takes a lease where nodes do.
func TestImageIsBuiltWithALease(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.leased(1, 1)
	spec.Image = builtImage("echo one")
	spec, secrets, out := w.applied(spec)
	if out.Status.State != model.StateRunning || len(w.imported()) != 1 {
		t.Errorf("status %+v, made are %v", out.Status, w.imported())
	}
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil {
		t.Errorf("the steps are %v, the problems %v", actions(p), p.Problems)
	}
}
