package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

func TestWrongItemsAreRefusedInThePlan(t *testing.T) {
	t.Parallel()
	ovf := ovatest.Descriptor(ovatest.Image{})
	options := withLibrary(
		simulator.LibraryItem{Name: "disc", Type: "iso"}, simulator.LibraryItem{Name: "empty", Descriptor: ovf, WithoutContent: true},
		simulator.LibraryItem{Name: "licensed", Descriptor: ovf, EULAs: []string{"agree"}},
		simulator.LibraryItem{Name: "twice"}, simulator.LibraryItem{Name: "twice"}, simulator.LibraryItem{Name: "NODE"},
	)
	options.Inventory.Libraries = append(options.Inventory.Libraries, simulator.Library{Name: "double"}, simulator.Library{Name: "double"},
		simulator.Library{Name: "Images"})
	w := newWorld(t, options)
	for _, test := range []struct {
		item          model.LibraryItem
		summary, says string
	}{
		{model.LibraryItem{Library: "nowhere", Item: "node"}, `Content library "nowhere" not found`, "global permission"},
		{model.LibraryItem{Library: "double", Item: "node"}, `Content library "double" is ambiguous`, "2 content libraries"},
		{model.LibraryItem{Library: "images", Item: "nothing"}, `Item "nothing" not found`, "add the item"},
		{model.LibraryItem{Library: "images", Item: "twice"}, `Item "twice" is ambiguous`, "with the ids"},
		{model.LibraryItem{Library: "images", Item: "disc"}, `Item "disc" makes no VM`, `of the type "iso"`},
		{model.LibraryItem{Library: "images", Item: "empty"}, `Item "empty" has no content`, "Upload them"},
		{model.LibraryItem{Library: "images", Item: "licensed"}, "License agreements are not accepted", "accept_eulas = true"},
		{model.LibraryItem{Library: "images", Item: "node", Version: "7"}, `Version "7" of item "node" is not there`, `Set version = "1"`},
	} {
		p, err := w.engine().PlanCreation(t.Context(), w.imageSpec(model.FromLibrary(test.item, "")), unknownFormer)
		w.must(err)
		if len(p.Problems) != 1 || p.Problems[0].Fields[0].Name != model.FieldTemplate || p.Problems[0].Summary != test.summary ||
			!strings.Contains(p.Problems[0].Detail, test.says) {
			t.Errorf("%s: the problems are %v", test.item.Title(), p.Problems)
		}
	}
	if n := len(w.imported()); n > 0 {
		t.Errorf("%d are imported", n)
	}
}

func TestFailedDeploymentsLeaveNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		image ovatest.Image
		world func(*world)
		says  string
	}{
		"full datastore": {world: func(w *world) { w.must(w.sim.SetFreeSpace("shared-1", 1<<30)) }, says: "make room on the datastore"},
		"several disks":  {image: ovatest.Image{Disks: 2}, says: "it has 2 disks"},
		"several VMs":    {image: ovatest.Image{Collection: true}, says: "it makes a vApp"},
		"not Linux":      {image: ovatest.Image{GuestID: "windows2019srv_64Guest"}, says: "nodes run Linux"},
		"unknown device": {image: ovatest.Image{Hardware: "77"}, says: "use an item that was made for this version of vSphere"},
		"published meanwhile": {
			world: func(w *world) {
				w.sim.AtDeployment(func() { _ = w.sim.PublishItem("node", ovatest.Descriptor(ovatest.Image{})) })
			},
			says: "it has version 2 by now, and version 1 was to be deployed (plan and apply again)",
		},
		"gone": {
			world: func(w *world) { w.sim.AtDeployment(func() { _ = w.sim.DeleteItem("node") }) },
			says:  "is not in its content library any more",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := withLibrary()
			options.Inventory.Libraries[0].Items[0].Descriptor = ovatest.Descriptor(test.image)
			w := newWorld(t, options)
			if test.world != nil {
				test.world(w)
			}
			if err := w.refused(fromLibrary("node")); !strings.Contains(err, test.says) || w.sim.DeploymentsUnderWay() > 0 {
				t.Errorf("it says %s, and %d deployments are under way", err, w.sim.DeploymentsUnderWay())
			}
			if left := w.sim.Leftovers().VMs; len(left) > 0 {
				t.Errorf("left behind are %v", left)
			}
		})
	}
}

// What has the name of an image and is not ours is left alone.
func TestNameOfAnItemsImageIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLibrary())
	image := w.resolved(fromLibrary("node"))
	image.Folder = "templates"
	w.must(w.sim.RenameVM("gantry-node-1.36.3", image.Template))
	unresolved := fromLibrary("node")
	unresolved.Folder = image.Folder
	p, err := w.engine().PlanCreation(t.Context(), w.imageSpec(unresolved), unknownFormer)
	w.must(err)
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Summary, "is taken") {
		t.Errorf("the problems are %v", p.Problems)
	}
	w.must(w.sim.RenameVM(image.Template, "gantry-node-1.36.3"))
	w.cloneByHand("/dc-1/vm/templates/gantry-node-1.36.3", image.Template)
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: w.imageSpec(unresolved), Secrets: newSecrets(t)})
	if err == nil || !strings.Contains(err.Error(), "which Gantry has not made") {
		t.Errorf("the error is %v", err)
	}
	w.isImage("/dc-1/vm/templates/" + image.Template) // it is still there
}

// TestDeploymentInterruptedAtEveryCall kills a creation at each of the calls of its deployment,
// or loses a call or its answer: one template is there at the end, and nothing beside it.
func TestDeploymentInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	sweep.Sweep[disturbance]{
		Every:    4,
		Variants: []disturbance{killed, answerLost, dropped},
		Calls: func(t *testing.T) (first, last int) {
			w := newWorld(t, withLibrary())
			w.sim.AtDeployment(func() { first = w.sim.Calls().Total - 15 }) // the lock and the record
			w.sim.ResetCalls()
			w.applied(w.imageSpec(fromLibrary("node")))
			return first, first + 35
		},
		Test: deploymentInterrupted,
	}.Run(t)
}

func deploymentInterrupted(t *testing.T, k int, d disturbance) {
	w := newWorld(t, withLibrary())
	w.sim.SetCloneDuration(time.Minute) // a deployment outlives its run
	w.timeFlies(2 * time.Second)
	image := w.resolved(fromLibrary("node"))
	w.sim.ResetCalls()
	w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
		_, _ = e.Apply(ctx, engine.Request{Spec: w.imageSpec(fromLibrary("node")), Secrets: newSecrets(t)})
	})
	e := w.engine()
	e.Timing.RetryBudget = 20 * time.Second
	out, err := e.Apply(t.Context(), engine.Request{Spec: w.imageSpec(fromLibrary("node")), Secrets: newSecrets(t)})
	if err != nil {
		if d == killed && w.record().CreationComplete {
			return // the state would have held it
		}
		t.Fatal(err)
	}
	if out.Status.State != model.StateRunning {
		t.Errorf("status %+v", out.Status)
	}
	got, want := w.imported(), []string{"/dc-1/vm/images/gantry/" + image.Template}
	if !slices.Equal(got, want) || w.sim.DeploymentsUnderWay() > 0 {
		t.Errorf("imported are %v, want %v, and %d deployments are under way", got, want, w.sim.DeploymentsUnderWay())
	}
	w.checkTemplate(want[0])
	w.checkImageRecord(image)
}

// A run is killed while vCenter deploys for it, and vCenter goes on: the next run waits for the
// end of that, deletes what it has made, and deploys anew.
func TestDeploymentOutlivesItsRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLibrary(simulator.LibraryItem{Name: "template", Template: "gantry-node-1.37.2"}))
	for _, name := range []string{"node", "template"} {
		image := w.resolved(fromLibrary(name))
		spec := w.imageSpec(fromLibrary(name))
		spec.Name = name
		spec.Folder = "k8s/" + name
		w.sim.SetCloneDuration(10 * time.Minute)
		ctx, kill := context.WithCancel(t.Context())
		w.sim.AtDeployment(func() { w.sim.AtDeployment(nil); kill() })
		_, err := w.engine().Apply(ctx, engine.Request{Spec: spec, Secrets: newSecrets(t)})
		if err == nil || w.sim.DeploymentsUnderWay() != 1 {
			t.Fatalf("%s: the error is %v, and %d deployments are under way", name, err, w.sim.DeploymentsUnderWay())
		}
		w.sim.SetCloneDuration(0) // of those that begin from now on
		go func() {               // time flies as long as vCenter deploys
			for w.sim.DeploymentsUnderWay() > 0 && t.Context().Err() == nil {
				time.Sleep(10 * time.Millisecond)
				w.sim.AdvanceClock(2 * time.Second)
			}
		}()
		e := w.engine()
		e.Timing.RetryBudget = 30 * time.Second
		out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
		w.must(err)
		if out.Status.State != model.StateRunning {
			t.Errorf("%s: the state is %s", name, out.Status.State)
		}
		if got := w.imported(); !slices.Contains(got, "/dc-1/vm/images/gantry/"+image.Template) || w.sim.DeploymentsUnderWay() > 0 {
			t.Errorf("%s: imported are %v", name, got)
		}
		w.checkTemplate("/dc-1/vm/images/gantry/" + image.Template)
	}
	if got := w.imported(); len(got) != 2 {
		t.Errorf("imported are %v", got)
	}
}

// An account that may read libraries deploys with its two roles, and without a privilege of
// them, the error says where to look.
func TestDeploymentNeedsItsPrivileges(t *testing.T) {
	t.Parallel()
	options := withLibrary()
	options.Users = map[string]string{teamUser: teamPassword}
	w := newWorld(t, options)
	image := fromLibrary("node")
	image.Folder = "templates/imported"
	apply := func(privileges ...string) error {
		w.grantRoles(privileges...)
		if !slices.Contains(privileges, "System.Read") {
			w.must(w.sim.Grant(teamUser, []string{"System.Read"}, true, simulator.GlobalPermission))
		}
		_, err := w.teamEngine().Apply(t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
		return err
	}
	for _, privilege := range []string{"VApp.Import", "System.Read"} {
		if err := apply(privilege); err == nil || !strings.Contains(err.Error(), "lacks a privilege") {
			t.Errorf("without %s: %v", privilege, err)
		}
	}
	w.must(apply())
}

// Deploying a VM template of a library takes a privilege on its item, and so a global one.
func TestDeploymentOfATemplateNeedsAGlobalPrivilege(t *testing.T) {
	t.Parallel()
	options := withLibrary(simulator.LibraryItem{Name: "template", Template: "gantry-node-1.37.2"})
	options.Users = map[string]string{teamUser: teamPassword}
	w := newWorld(t, options)
	image := fromLibrary("template")
	image.Folder = "templates/imported"
	apply := func(globally ...string) error {
		w.grantRoles()
		w.must(w.sim.Grant(teamUser, append(globally, "System.Read"), true, simulator.GlobalPermission))
		_, err := w.teamEngine().Apply(t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
		return err
	}
	err := apply()
	if err == nil || !strings.Contains(err.Error(), "lacks a privilege") || !strings.Contains(err.Error(), "global permission") {
		t.Errorf("without it: %v", err)
	}
	w.must(apply("VirtualMachine.Provisioning.DeployTemplate"))
}
