package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// afterPowerOn does something once a VM is being powered on.
type afterPowerOn struct {
	model.VCenter
	do func()
}

func (a afterPowerOn) PowerOn(ctx context.Context, vm string) (string, error) {
	task, err := a.VCenter.PowerOn(ctx, vm)
	a.do()
	return task, err
}

// A run whose change of a VM group another process overwrites makes it again at its end.
func TestVMGroupsThatAreOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{}))
	spec := w.withNetwork(1, 0)
	inVMGroup(&spec, "licensed")
	e := w.engine()
	e.Builder = afterPowerOn{e.Builder, func() { w.setGroup(edit, "licensed") }}
	secrets := newSecrets(t)
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || len(out.Warnings) > 0 {
		t.Fatalf("%v, %v", err, out.Warnings)
	}
	spec = kept(spec, out)
	w.joined(spec, secrets, map[string]string{"licensed": "prod-cp-1", "spare": ""})
}

// Clusters that one process builds at the same time keep each other's nodes in the group.
func TestVMGroupsOfTwoClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{}))
	w.sim.SetTaskDuration(300 * time.Millisecond)
	e := w.engine()
	var both sync.WaitGroup
	for _, name := range []string{"prod", "shop"} {
		spec := w.withNetwork(1, 1)
		spec.Name = name
		spec.Folder = "k8s/" + name
		inVMGroup(&spec, "licensed")
		both.Go(func() {
			out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
			if err != nil || len(out.Warnings) > 0 {
				t.Errorf("%v, %v", err, out.Warnings)
			}
		})
	}
	both.Wait()
	if vms := strings.Fields(w.vmGroups(w.spec(1, 1))["licensed"]); len(vms) != 4 {
		t.Errorf("in the group are %v", vms)
	}
}

// deletesOnce has a user delete a VM right before the first edit of a run.
type deletesOnce struct {
	model.VCenter
	delete func()
	once   sync.Once
}

func (d *deletesOnce) EditRules(ctx context.Context, edits model.RuleEdits) (string, error) {
	d.once.Do(d.delete)
	return d.VCenter.EditRules(ctx, edits)
}

// A VM that a user deletes while a run works keeps no other one out of its groups.
func TestGroupsOfAVMThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHostGroups(simulator.Options{}))
	spec := w.withNetwork(1, 2)
	inVMGroup(&spec, "licensed")
	spec, secrets, _ := w.applied(spec)
	spec.Workers[0].Placements[0].HostGroup = "right"
	inVMGroup(&spec, "spare")
	e := w.engine()
	e.Builder = &deletesOnce{VCenter: e.Builder, delete: func() { w.must(w.sim.DeleteVM("prod-general-2")) }}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "not Ready: prod-general-2 ") || len(out.Warnings) > 0 {
		t.Errorf("%v, %v", err, out.Warnings)
	}
	if got := w.vmGroups(spec); fmt.Sprint(got) != "map[licensed: spare:prod-cp-1 prod-general-1]" {
		t.Errorf("the VM groups are %v", got)
	}
}
