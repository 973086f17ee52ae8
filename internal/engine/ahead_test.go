package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// diary notes clones and power-ons in the order in which they are asked for.
type diary struct {
	model.VCenter
	mu    sync.Mutex
	lines []string
	names map[string]string // VM to node
	tasks map[string]string // clone task to node
}

func (d *diary) Clone(ctx context.Context, c model.CloneRequest) (string, error) {
	d.note("clone " + c.Name)
	task, err := d.VCenter.Clone(ctx, c)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks[task] = c.Name
	return task, err
}

func (d *diary) Poll(ctx context.Context, req model.PollRequest) (*model.PollResult, error) {
	res, err := d.VCenter.Poll(ctx, req)
	d.mu.Lock()
	defer d.mu.Unlock()
	for task, node := range d.tasks {
		if err == nil && res.Tasks[task].Done {
			d.names[res.Tasks[task].VM] = node
		}
	}
	return res, err
}

func (d *diary) PowerOn(ctx context.Context, vm string) (string, error) {
	d.mu.Lock()
	name := d.names[vm]
	d.mu.Unlock()
	d.note("power on " + name)
	return d.VCenter.PowerOn(ctx, vm)
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) at(line string) int { return slices.Index(d.lines, line) }

// keepDiary lets an engine note what it asks for.
func keepDiary(e *engine.Engine) *diary {
	d := &diary{VCenter: e.Builder, names: map[string]string{}, tasks: map[string]string{}}
	e.Builder = d
	return d
}

// TestClonesRunFromTheStart creates a cluster with fewer slots than nodes: the control
// plane's clones come first, the first node boots before the clones that had to wait,
// and the others are powered on one after the other, the workers at last.
func TestClonesRunFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{CloneDuration: 100 * time.Millisecond})
	e := w.engine()
	e.Parallel = 3
	d := keepDiary(e)
	out, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(3, 5), Secrets: newSecrets(t)})
	w.must(err)
	if len(out.Status.Nodes) != 8 || out.Status.State != model.StateRunning {
		t.Errorf("status %+v", out.Status)
	}
	slices.Sort(d.lines[:3])
	if want := []string{"clone prod-cp-1", "clone prod-cp-2", "clone prod-cp-3"}; !slices.Equal(d.lines[:3], want) {
		t.Errorf("the control plane's clones are not the first: %q", d.lines)
	}
	var boots [4]int
	for n := 1; n <= 3; n++ {
		boots[n] = d.at(fmt.Sprintf("power on prod-cp-%d", n))
	}
	// In the slot of its clone, while other clones take the slots of the other two.
	if boots[1] > 5 || !slices.IsSorted(boots[:]) {
		t.Errorf("the control plane's boots are calls %v: %q", boots[1:], d.lines)
	}
	for n := 1; n <= 5; n++ {
		clone, boot := d.at(fmt.Sprintf("clone prod-general-%d", n)), d.at(fmt.Sprintf("power on prod-general-%d", n))
		if clone < 0 || clone > boots[2] || boot < boots[3] {
			t.Errorf("worker %d is cloned in call %d and powered on in call %d: %q", n, clone, boot, d.lines)
		}
	}
	if n := w.sim.Calls().SOAP["ReconfigVM_Task"]; n != 0 {
		t.Errorf("%d VMs were changed after their clone", n)
	}
}
