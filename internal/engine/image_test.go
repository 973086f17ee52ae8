package engine_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// serve serves an image, and returns the server and the image as a spec has it.
func (w *world) serve(i ovatest.Image) (*ovatest.Server, model.Image) {
	w.t.Helper()
	content, digest := ovatest.Build(i)
	server := ovatest.Serve(content, false)
	w.t.Cleanup(server.Close)
	return server, model.Imported(model.OVA{URL: server.Location("node-v1.37.2.ova"), SHA256: digest}, "images/gantry")
}

// imageSpec is a cluster whose nodes are built from an image.
func (w *world) imageSpec(image model.Image) model.ClusterSpec {
	spec := w.spec(1, 1)
	spec.Image = image
	return spec
}

// templates are the paths of what was not there at the start and is no node.
func (w *world) imported() []string {
	return slices.DeleteFunc(w.sim.Leftovers().VMs, func(path string) bool { return !strings.Contains(path, "/images/") })
}

func TestClusterIsBuiltFromAnOVA(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, image := w.serve(ovatest.Image{})
	spec, secrets, out := w.applied(w.imageSpec(image))
	if out.Status.State != model.StateRunning {
		t.Fatalf("status %+v", out.Status)
	}
	changes := out.Changes
	at := slices.Index(changes, model.Change{Action: model.ActionImportImage, Target: image.Template})
	if first := slices.IndexFunc(changes, func(c model.Change) bool { return c.Action == model.ActionCreateNode }); at < 0 || at > first {
		t.Errorf("the changes are %v", changes)
	}
	if got, want := w.imported(), []string{"/dc-1/vm/images/gantry/" + image.Template}; !slices.Equal(got, want) {
		t.Errorf("imported are %v, want %v", got, want)
	}
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("the OVA was asked for %d times", n)
	}
	// Another cluster uses it.
	other := w.imageSpec(image)
	other.Name = "other"
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: other, Secrets: newSecrets(t)})
	w.must(err)
	if n := len(server.Requests()); n != 1 || len(w.imported()) != 1 || out.Status.State != model.StateRunning {
		t.Errorf("the OVA was asked for %d times, %v are imported, and the state is %s", n, w.imported(), out.Status.State)
	}
}

// Two clusters of two runs are created at the same time: one imports, the other waits.
func TestTwoRunsImportOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, image := w.serve(ovatest.Image{})
	errs := make(chan error, 4)
	for _, name := range []string{"one", "two"} {
		e := w.engine()
		for _, part := range []string{"a", "b"} { // two of the same run
			spec := w.imageSpec(image)
			spec.Name = name + "-" + part
			spec.Folder = "k8s/" + spec.Name
			go func() {
				_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
				errs <- err
			}()
		}
	}
	for range 4 {
		w.must(<-errs)
	}
	if n := len(server.Requests()); n != 1 || len(w.imported()) != 1 {
		t.Errorf("the OVA was asked for %d times, and %v are imported", n, w.imported())
	}
}

func TestBrokenDownloadIsResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, image := w.serve(ovatest.Image{DiskBytes: 1 << 20})
	server.BreakOff(300_000, 200_000)
	w.applied(w.imageSpec(image))
	requests := server.Requests()
	if len(requests) != 3 || requests[1].RangeFrom() != 300_000 || requests[2].RangeFrom() != 500_000 || requests[2].IfRange != `"first"` {
		t.Errorf("the requests are %+v", requests)
	}
}

func TestBrokenUploadBeginsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, image := w.serve(ovatest.Image{DiskBytes: 1 << 20})
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DropBefore, Call: "POST nfc", Times: 2}))
	w.applied(w.imageSpec(image))
	if n := len(server.Requests()); n != 3 || len(w.imported()) != 1 {
		t.Errorf("the OVA was asked for %d times, and %v are imported", n, w.imported())
	}
}

// The answer to the end of an upload is lost, or its end itself.
func TestBrokenEndOfAnUpload(t *testing.T) {
	t.Parallel()
	for _, kind := range []simulator.FaultKind{simulator.DropAfter, simulator.DropBefore} {
		w := newWorld(t, simulator.Options{})
		server, image := w.serve(ovatest.Image{})
		w.must(w.sim.AddFault(simulator.Fault{Kind: kind, Call: "HttpNfcLeaseComplete"}))
		w.applied(w.imageSpec(image))
		if n := len(server.Requests()); n != 1 || len(w.imported()) != 1 {
			t.Errorf("%s: the OVA was asked for %d times, and %v are imported", kind, n, w.imported())
		}
	}
}

// vCenter is away for a moment after an upload that broke off took longer than vCenter may be
// away.
func TestBrokenLongUploadBeginsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	_, image := w.serve(ovatest.Image{})
	budget := 3 * time.Second
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DropAfter, Call: "POST nfc"}))
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.RefuseCall, Call: "CreateImportSpec", Nth: 2}))
	w.sim.AtUpload(func() {
		w.sim.AtUpload(nil)
		time.Sleep(budget + 100*time.Millisecond)
	})
	e := w.engine()
	e.Timing.RetryBudget = budget
	_, err := e.Apply(t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
	w.must(err)
}

func TestUnreachableHostIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, image := w.serve(ovatest.Image{DiskBytes: 1 << 20})
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DropBefore, Call: "POST nfc", Times: -1}))
	says := w.refused(image)
	want := w.sim.Server() + ", the address that vCenter has told for the disks, must be reachable from where Terraform runs"
	if !strings.Contains(says, want) {
		t.Errorf("it says %s", says)
	}
	if n := len(server.Requests()); n != 3 {
		t.Errorf("the OVA was asked for %d times", n)
	}
}

func TestImageFromALocalFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	for _, algorithm := range []string{"SHA1", "SHA512"} {
		content, digest := ovatest.Build(ovatest.Image{Algorithm: algorithm, ManifestLast: true, DiskBytes: 70_001})
		file := filepath.Join(t.TempDir(), "node image 1.37.2.ova")
		w.must(os.WriteFile(file, content, 0o600))
		image := model.Imported(model.OVA{URL: file, SHA256: digest}, "")
		spec := w.imageSpec(image)
		spec.Name = strings.ToLower(algorithm)
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
		w.must(err)
		if out.Status.State != model.StateRunning || !strings.HasPrefix(image.Template, "node-image-1.37.2-") {
			t.Errorf("%s: %s", image.Template, out.Status.State)
		}
	}
}

// A template that was deleted in vCenter is imported again with the next node.
func TestDeletedImageIsImportedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, image := w.serve(ovatest.Image{})
	spec := w.imageSpec(image)
	spec.CloneMode = model.CloneFull
	spec, secrets, _ := w.applied(spec)
	w.must(w.sim.DeleteVM(image.Template))
	spec.Workers[0].Count = 2
	p := w.plan(spec, secrets)
	w.must(p.Err())
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: changesOf(p)})
	w.must(err)
	if n := len(server.Requests()); n != 2 || len(w.imported()) != 1 {
		t.Errorf("the OVA was asked for %d times, and %v are imported", n, w.imported())
	}
}

func changesOf(p *model.Plan) *[]model.Change {
	changes := p.Changes()
	return &changes
}

// What has the name of an image is left alone, and said in the plan.
func TestNameOfAnImageIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	_, image := w.serve(ovatest.Image{})
	image.Folder = "templates"
	w.must(w.sim.RenameVM("gantry-node-1.36.3", image.Template))
	p, err := w.engine().PlanCreation(t.Context(), w.imageSpec(image), engine.Former{Seen: seesNone, Planning: yes, Applying: no})
	w.must(err)
	if len(p.Problems) != 1 || p.Problems[0].Fields[0].Name != model.FieldTemplate || !strings.Contains(p.Problems[0].Summary, "is taken") {
		t.Errorf("the problems are %v", p.Problems)
	}
}

// An account with its two roles imports, and a plan warns where it may not.
func TestRolesOfAnAccountAreEnoughToImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Users: map[string]string{teamUser: teamPassword}})
	_, image := w.serve(ovatest.Image{})
	image.Folder = "templates/imported"
	warned := func() bool {
		p, err := w.teamEngine().PlanCreation(t.Context(), w.imageSpec(image), unknownFormer)
		w.must(err)
		return slices.ContainsFunc(p.Warnings, func(f model.Finding) bool { return strings.Contains(f.Detail, "VApp.Import") })
	}
	w.grantRoles("VApp.Import")
	if !warned() {
		t.Error("without the privilege to import, there is no warning")
	}
	w.grantRoles()
	if warned() {
		t.Error("with the privilege to import, there is a warning")
	}
	_, err := w.teamEngine().Apply(t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
	w.must(err)
}

// The plan of a creation is checked in full while the image will exist.
func TestPlanWhileTheImageWillExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	_, image := w.serve(ovatest.Image{})
	spec := w.imageSpec(image)
	spec.ControlPlane.Placements[0].Network = "nowhere"
	p, err := w.engine().PlanCreation(t.Context(), spec, engine.Former{Seen: seesNone, Planning: yes, Applying: no})
	w.must(err)
	if len(p.Problems) != 1 || p.Problems[0].Fields[0].Name != model.FieldNetwork {
		t.Errorf("the problems are %v", p.Problems)
	}
	if !slices.Contains(actions(p), "import_image "+image.Template) {
		t.Errorf("the steps are %v", actions(p))
	}
}

// Each privilege that the table says imports need is taken away once: the apply fails, and
// names it.
func TestImportNeedsItsPrivileges(t *testing.T) {
	t.Parallel()
	for _, privilege := range []string{
		"VApp.Import", "VirtualMachine.Inventory.Create", "VirtualMachine.State.CreateSnapshot", "VirtualMachine.Provisioning.MarkAsTemplate",
	} {
		t.Run(privilege, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{Users: map[string]string{teamUser: teamPassword}})
			_, image := w.serve(ovatest.Image{})
			image.Folder = "templates/imported"
			w.grantRoles(privilege)
			_, err := w.teamEngine().Apply(t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
			if err == nil || !strings.Contains(err.Error(), "lacks "+privilege) {
				t.Errorf("without it: %v", err)
			}
		})
	}
}
