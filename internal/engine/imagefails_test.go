package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// refused applies a cluster with an image that cannot be imported, and returns why. Nothing
// of the image is left.
func (w *world) refused(image model.Image) string {
	w.t.Helper()
	as := w.resolved(image)
	_, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(w.t)})
	if err == nil {
		w.t.Fatal("the image was imported")
	}
	if left := w.imported(); len(left) > 0 || w.sim.ImportsUnderWay() > 0 {
		w.t.Errorf("left behind are %v, and %d imports are under way", left, w.sim.ImportsUnderWay())
	}
	for _, tag := range w.sim.Leftovers().Tags {
		if strings.HasPrefix(tag, "image:") || strings.HasPrefix(tag, w.imageID(as).String()) {
			w.t.Errorf("the tag %s is left behind", tag)
		}
	}
	return err.Error()
}

func (w *world) imageID(image model.Image) uuid.UUID {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Names: &model.Names{Datacenter: "dc-1"}})
	w.must(err)
	return w.engine().Ledger.ID(record.ImageRef(survey.Site.Datacenter, image.Digest()))
}

func TestWrongImagesAreRefusedAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		image ovatest.Image
		world func(*world, *ovatest.Server, *model.Image)
		says  string
	}{
		"another file": {
			world: func(_ *world, _ *ovatest.Server, image *model.Image) { image.OVA.SHA256 = strings.Repeat("ab", 32) },
			says:  "its SHA-256 digest is",
		},
		"truncated": {
			world: func(_ *world, s *ovatest.Server, _ *model.Image) {
				content, _ := ovatest.Build(ovatest.Image{})
				s.Replace(content[:len(content)/2], `"short"`)
			},
			says: "it is truncated",
		},
		"damaged disk":    {image: ovatest.Image{WrongDigest: true}, says: "has the SHA256 digest"},
		"missing":         {world: func(_ *world, s *ovatest.Server, _ *model.Image) { s.Refuse(404) }, says: "404 Not Found"},
		"several disks":   {image: ovatest.Image{Disks: 2}, says: "it has 2 disks"},
		"not Linux":       {image: ovatest.Image{GuestID: "windows2019srv_64Guest"}, says: "nodes run Linux"},
		"several VMs":     {image: ovatest.Image{Collection: true}, says: "it describes several VMs"},
		"compressed":      {image: ovatest.Image{Compression: "gzip"}, says: "compressed with gzip"},
		"without disk":    {image: ovatest.Image{WithoutDisk: true, Algorithm: "none"}, says: `does not have "node-disk1.vmdk"`},
		"of another size": {image: ovatest.Image{AnnouncedFor: 5}, says: `"node-disk1.vmdk" has 5 bytes`},
		"unknown device":  {image: ovatest.Image{Hardware: "77"}, says: "vCenter does not support what its OVF asks for"},
		"full datastore": {
			world: func(w *world, _ *ovatest.Server, _ *model.Image) { w.must(w.sim.SetFreeSpace("shared-1", 1<<30)) },
			says:  `datastore "shared-1" is full`,
		},
		"not an OVA": {
			world: func(_ *world, s *ovatest.Server, _ *model.Image) { s.Replace([]byte("<html>sign in</html>"), `"page"`) },
			says:  "it is truncated",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			server, image := w.serve(test.image)
			if test.world != nil {
				test.world(w, server, &image)
			}
			if err := w.refused(image); !strings.Contains(err, test.says) {
				t.Errorf("it says %s", err)
			}
		})
	}
}

// The datastore fills up while the disk is uploaded.
func TestDatastoreFillsUpDuringAnImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, image := w.serve(ovatest.Image{})
	w.sim.AtUpload(func() { _ = w.sim.SetFreeSpace("shared-1", 0) })
	if err := w.refused(image); !strings.Contains(err, "has room") || !strings.Contains(err, "not enough space") {
		t.Errorf("it says %s", err)
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("the OVA was asked for %d times", n)
	}
}

// An upload that takes longer than vCenter waits for a sign of life is kept alive.
func TestLongUploadIsKeptAlive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{ImportTimeout: 10 * time.Second})
	_, image := w.serve(ovatest.Image{})
	w.sim.AtUpload(func() {
		for range 3 {
			for seen := w.progressReports(); w.progressReports() == seen && w.sim.ImportsUnderWay() > 0; {
				time.Sleep(10 * time.Millisecond)
			}
			w.sim.AdvanceClock(6 * time.Second)
		}
	})
	w.applied(w.imageSpec(image))
	if len(w.imported()) != 1 {
		t.Errorf("imported are %v", w.imported())
	}
}

func (w *world) progressReports() int { return w.sim.Calls().SOAP["HttpNfcLeaseProgress"] }

// TestImportInterruptedAtEveryCall kills a creation at each of the calls of its import, or
// loses a call or its answer: one template is there at the end, and nothing beside it.
func TestImportInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	sweep.Sweep[disturbance]{
		Every:    4,
		Variants: []disturbance{killed, answerLost, dropped},
		Calls: func(t *testing.T) (first, last int) {
			w := newWorld(t, simulator.Options{})
			server, image := w.serve(ovatest.Image{})
			server.Hold(func() { first = w.sim.Calls().Total - 15 }) // the lock and the record
			w.sim.AtUpload(func() { last = w.sim.Calls().Total + 15 })
			w.sim.ResetCalls()
			w.applied(w.imageSpec(image))
			return first, last
		},
		Test: importInterrupted,
	}.Run(t)
}

func importInterrupted(t *testing.T, k int, d disturbance) {
	w := d.world(t)
	w.timeFlies(2 * time.Second) // a lease of vCenter's outlives its run by minutes
	_, image := w.serve(ovatest.Image{})
	w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
		_, _ = e.Apply(ctx, engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
	})
	e := w.engine()
	e.Timing.RetryBudget = 20 * time.Second
	out, err := e.Apply(t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
	if err != nil {
		var plan *model.PlanError
		if d == killed && w.record().CreationComplete && errors.As(err, &plan) && strings.Contains(err.Error(), "import") {
			return // the state would have held it
		}
		t.Fatal(err)
	}
	if out.Status.State != model.StateRunning {
		t.Errorf("status %+v", out.Status)
	}
	got, want := w.imported(), []string{"/dc-1/vm/images/gantry/" + image.Template}
	if !slices.Equal(got, want) || w.sim.ImportsUnderWay() > 0 {
		t.Errorf("imported are %v, want %v, and %d imports are under way", got, want, w.sim.ImportsUnderWay())
	}
	w.checkImageRecord(image)
}

// checkImageRecord checks that the ledger knows the template of an image, and that no run has
// its lock.
func (w *world) checkImageRecord(image model.Image) {
	w.t.Helper()
	template := ""
	w.asAdministrator("/dc-1/vm/images/gantry/"+image.Template, func(_ *govmomi.Client, vm *object.VirtualMachine) {
		template = vm.Reference().String()
	})
	rec, err := w.engine().Ledger.Record(w.t.Context(), w.imageID(image))
	w.must(err)
	body, err := rec.Image()
	w.must(err)
	if body.Template != template || !body.Complete() {
		w.t.Errorf("of the template %s the record says %+v", template, body)
	}
	holder, err := w.engine().Ledger.LockHolder(w.t.Context(), w.imageID(image))
	w.must(err)
	if holder != nil && !holder.Dead {
		w.t.Errorf("%+v has the lock of the image", holder)
	}
}
