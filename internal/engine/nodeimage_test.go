package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// nodeImage is the spec of an image that is no cluster's.
func (w *world) nodeImage(image model.Image) model.ClusterSpec {
	return model.ClusterSpec{
		Ref: record.Ref{Kind: record.KindImage, Name: "golden"}, New: true,
		Image: image, Datacenter: "dc-1", Allocation: model.AllocationStatic,
		ControlPlane: model.NodePool{
			Name: model.ControlPlanePool, CPU: 2, MemoryGB: 4, Placements: []model.Placement{w.placement("cluster-a")},
		},
	}
}

// holder is the creation of a resource.
func holder(name, incarnation string) record.ImageHolder {
	return record.ImageHolder{Name: name, Incarnation: record.Incarnation(incarnation)}
}

// made makes an image, and returns it as a state would hold it.
func (w *world) made(image model.Image, h record.ImageHolder) (engine.ImageTarget, *model.MadeImage) {
	w.t.Helper()
	e := w.engine()
	made, err := e.MakeImage(w.t.Context(), w.nodeImage(image), h)
	w.must(err)
	return engine.ImageTarget{
		ImageIdentity: made.ImageIdentity, Name: h.Name, RecordID: e.ImageRecordID(made), Incarnation: h.Incarnation,
	}, made
}

// notDestroyed fails to destroy an image, which is left as it is, and returns why.
func (w *world) notDestroyed(target engine.ImageTarget) string {
	w.t.Helper()
	before := w.imported()
	_, err := w.engine().DestroyImage(w.t.Context(), target)
	if err == nil {
		w.t.Fatal("the image was destroyed")
	}
	if after := w.imported(); !slices.Equal(before, after) {
		w.t.Errorf("there were %v, and are %v", before, after)
	}
	return err.Error()
}

// destroyed destroys an image, of which nothing is left.
func (w *world) destroyed(target engine.ImageTarget) {
	w.t.Helper()
	others, err := w.engine().DestroyImage(w.t.Context(), target)
	w.must(err)
	if left := w.imported(); len(left) > 0 || len(others) > 0 {
		w.t.Errorf("left are %v, held by %v", left, others)
	}
	w.noImageTags()
}

func (w *world) noImageTags() {
	w.t.Helper()
	for _, tag := range w.sim.Leftovers().Tags {
		if strings.HasPrefix(tag, "image:") {
			w.t.Errorf("the tag %s is left", tag)
		}
	}
	if n := w.claims(); n != 0 {
		w.t.Errorf("%d addresses are claimed", n)
	}
}

// A cluster uses the image by its path, and keeps it from being destroyed.
func TestNodeImageIsUsedAndDestroyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, made := w.made(builtImage("echo ready"), holder("golden", "one"))
	if n := w.claims(); n != 0 {
		t.Errorf("%d addresses are claimed", n)
	}
	w.sim.ResetCalls()
	spec, secrets, _ := w.applied(w.imageSpec(model.Image{Template: made.Path}))
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	says := w.notDestroyed(target)
	if !strings.Contains(says, "/dc-1/vm/k8s/prod/prod-cp-1") || !strings.Contains(says, "create_before_destroy") {
		t.Errorf("it says %s", says)
	}
	target2 := spec.Target()
	w.must(w.engine().Destroy(t.Context(), target2))
	w.destroyed(target)
	w.must(func() error { _, err := w.engine().DestroyImage(t.Context(), target); return err }())
}

// Two runs at once build one, and a cluster's image of the same build is that one, too.
func TestNodeImageIsBuiltOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("echo ready")
	refs := make(chan string, 2)
	for _, name := range []string{"one", "two"} {
		e := w.engine()
		go func() {
			made, err := e.MakeImage(t.Context(), w.nodeImage(image), holder(name, name))
			if err != nil {
				t.Error(err)
				refs <- ""
				return
			}
			refs <- made.Ref
		}()
	}
	if one, two := <-refs, <-refs; one != two {
		t.Errorf("they are %s and %s", one, two)
	}
	w.applied(w.imageSpec(image))
	if made, marked := w.imported(), w.sim.Calls().SOAP["MarkAsTemplate"]; len(made) != 1 || marked != 1 {
		t.Errorf("made are %v, in %d calls", made, marked)
	}
}

// What another resource holds is left to it, and a creation that has taken the place of the state's
// is not touched.
func TestNodeImageOfTwoHolders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("echo ready")
	one, _ := w.made(image, holder("one", "one"))
	two, _ := w.made(image, holder("two", "two"))
	others, err := w.engine().DestroyImage(t.Context(), one)
	w.must(err)
	if !slices.Equal(others, []string{"two (two)"}) || len(w.imported()) != 1 {
		t.Errorf("others are %v, and left are %v", others, w.imported())
	}
	again, _ := w.made(image, holder("two", "three"))
	others, err = w.engine().DestroyImage(t.Context(), two) // it is deposed
	w.must(err)
	if !slices.Equal(others, []string{"two (three)"}) || len(w.imported()) != 1 {
		t.Errorf("others are %v, and left are %v", others, w.imported())
	}
	w.destroyed(again)
}

// A rename of the resource is noted, and touches nothing else.
func TestNodeImageIsHeldByAnotherName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, _ := w.made(builtImage("echo ready"), holder("golden", "one"))
	target.Name = "silver"
	w.must(w.engine().HoldImage(t.Context(), target))
	rec, err := w.engine().Ledger.Record(t.Context(), target.RecordID)
	w.must(err)
	body, err := rec.Image()
	w.must(err)
	if !slices.Equal(body.Holders, []record.ImageHolder{holder("silver", "one")}) || !body.Complete() {
		t.Errorf("the record is %+v", body)
	}
	w.destroyed(target)
}

// It is followed by its identity: another template that has its name by now is not it.
func TestNodeImageIsKnownByItsIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, made := w.made(builtImage("echo ready"), holder("golden", "one"))
	name := made.Path[strings.LastIndex(made.Path, "/")+1:]
	w.must(w.sim.RenameVM(name, "renamed"))
	w.cloneByHand("/dc-1/vm/images/gantry/renamed", name)
	found, err := w.engine().Image(t.Context(), target.ImageIdentity)
	w.must(err)
	if found.Path != "/dc-1/vm/images/gantry/renamed" || found.Ref != made.Ref {
		t.Errorf("it is %+v", found)
	}
	if _, err := w.engine().DestroyImage(t.Context(), target); err != nil {
		t.Error(err)
	}
	if left := w.imported(); !slices.Equal(left, []string{"/dc-1/vm/images/gantry/" + name}) {
		t.Errorf("left are %v", left)
	}
	found, err = w.engine().Image(t.Context(), target.ImageIdentity)
	w.must(err)
	if found.Ref != "" || found.Hidden != "" {
		t.Errorf("it is %+v", found)
	}
}

// What was converted to a VM is told, and not destroyed, whether it runs or not.
func TestConvertedNodeImageIsNotDestroyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, made := w.made(builtImage("echo ready"), holder("golden", "one"))
	w.asAdministrator(made.Path, func(client *govmomi.Client, vm *object.VirtualMachine) {
		pool, err := find.NewFinder(client.Client).ResourcePool(t.Context(), "/dc-1/host/cluster-a/Resources")
		w.must(err)
		w.must(vm.MarkAsVirtualMachine(t.Context(), *pool, nil))
	})
	if says := w.notDestroyed(target); !strings.Contains(says, "was converted to a VM, and was not deleted") {
		t.Errorf("it says %s", says)
	}
	w.must(w.sim.PowerOnVM(made.Path[strings.LastIndex(made.Path, "/")+1:]))
	if says := w.notDestroyed(target); !strings.Contains(says, "is powered on") {
		t.Errorf("it says %s", says)
	}
}

// Of an image that was built of an OVA the users of the OVA's own template are none.
func TestUsersOfTheBaseDoNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	_, base := w.serve(ovatest.Image{})
	image := model.Built(model.Build{Base: base, Scripts: []string{"echo one"}, CPU: 2, MemoryGB: 4}, "images/gantry")
	target, made := w.made(image, holder("golden", "one"))
	w.applied(w.imageSpec(base))
	if _, err := w.engine().DestroyImage(t.Context(), target); err != nil {
		t.Error(err)
	}
	if left := w.imported(); !slices.Equal(left, []string{"/dc-1/vm/images/gantry/" + base.Template}) {
		t.Errorf("left are %v, of %s", left, made.Path)
	}
}

// A build that fails leaves nothing, and can be made of other scripts.
func TestFailedNodeImageLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	_, err := w.engine().MakeImage(t.Context(), w.nodeImage(builtImage("exit 3")), holder("golden", "one"))
	if err == nil || !strings.Contains(err.Error(), "command 001 of build failed with status 3") {
		t.Errorf("it says %v", err)
	}
	if left := w.imported(); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	w.noImageTags()
	w.made(builtImage("echo ready"), holder("golden", "two"))
}
