package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// refusing is an engine to which a cluster's API shows once, as it plans, which objects a pack has.
func (w *world) refusing(pack string) *engine.Engine {
	var reads atomic.Int64
	e := w.engine()
	e.Kube = altered{Kube: e.Kube, secret: func(name string) error {
		if name == model.InventorySecret(pack) && reads.Add(1) > 1 {
			return errors.New("no right to it")
		}
		return nil
	}}
	return e
}

// TestStepsDroppedAfterAPackAreNamed has packs that are not ready, or cannot be applied or taken out:
// the error names the steps that come after them and were not done, a bounded number of them.
func TestStepsDroppedAfterAPackAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Account = w.account(w.sim.Username(), w.sim.Password(), 1)
	app := waiting("app", "addon", time.Second, note("app"))
	app.Credentials = &model.Credentials{Namespace: "default", Secret: "login", Format: model.FormatCSI}
	spec.Packs = []model.Pack{network, app}
	for i := range 13 {
		name := fmt.Sprintf("p%02d", i)
		spec.Packs = append(spec.Packs, model.Pack{Name: name, Layer: "addon", Manifests: []string{note(name)}})
	}
	spec, secrets, _ := w.applied(spec)
	all := spec.Packs

	spec.Packs = slices.Clone(all)
	spec.Packs[1] = waiting("app", "addon", time.Second, needs("app", ""))
	const deletion = "delete_credentials app (default/login)"
	w.expectPlan(spec, secrets, "apply_pack app (prunes 1 object)", deletion)
	_, err := w.refusing("app").Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, "no right to it", "\nleft for the next apply: "+deletion)
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, "apply_pack app", "not within 1s", "\nleft for the next apply: "+deletion)
	w.give(secrets, "app")
	w.change(spec, secrets)
	w.expectPlan(spec, secrets)

	spec.Packs = spec.Packs[:2]
	_, err = w.refusing("p12").Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	var names []string
	for i := 11; i > 1; i-- {
		names = append(names, fmt.Sprintf("uninstall_pack p%02d (1 object)", i))
	}
	expectSaid(t, err, "no right to it", "left for the next apply: "+strings.Join(names, ", ")+", and 2 more")
	w.change(spec, secrets)
	w.expectPlan(spec, secrets)
}

// TestRepairBesideAPackThatIsNotReady has a worker repaired in the apply of a pack that is not ready: the
// repair is done all the same, the apply fails at its end, and the next one waits again.
func TestRepairBesideAPackThatIsNotReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollablePool(model.NodePool{Count: 2}, 0)
	spec.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 1}
	w.hang(secrets, "prod-general-1")
	w.refreshed(spec, secrets)
	w.sim.AdvanceClock(11 * time.Minute)
	spec.Packs = []model.Pack{network, waiting("app", "addon", time.Second, needs("app", ""))}
	_, p := w.refreshed(spec, secrets)
	if got := actions(p); !slices.Equal(got, []string{"apply_pack app", "create_node prod-general-3", "delete_node prod-general-1"}) {
		t.Fatalf("planned %v", got)
	}
	shown := p.Changes()
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown})
	expectSaid(t, err, "apply_pack app: not within 1s: not ready: Deployment default/app")
	if err != nil && strings.Contains(err.Error(), "prod-general") {
		t.Errorf("of nodes it says: %v", err)
	}
	expectPacks(t, out, model.StateDegraded, "NotReady", "Not ready: app")
	spec = kept(spec, out)
	w.expectPlan(spec, secrets, "apply_pack app")
	w.give(secrets, "app")
	w.change(spec, secrets)
	w.rolledOut(spec, secrets, "prod-general-2", "prod-general-3")
}

// TestInterruptEndsManyWaits has an apply interrupted, as by Ctrl-C, while it waits for the first of
// many packs: it ends at once, all of them are recorded as not ready or not applied, and the next
// apply waits again.
func TestInterruptEndsManyWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	for _, name := range []string{"a", "b", "c", "d"} {
		spec.Packs = append(spec.Packs, waiting(name, "addon", time.Hour, needs(name, "")))
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	e := w.engine()
	interrupted := make(chan int32, 1) // how many looks had begun by then
	var looks atomic.Int32
	e.Kube = altered{Kube: e.Kube, notReady: func(ctx context.Context, api model.API, m model.PackManifests) ([]model.NotReady, error) {
		if looks.Add(1) == 2 {
			time.AfterFunc(50*time.Millisecond, func() { // between two looks, or in the middle of one
				interrupt()
				interrupted <- looks.Load()
			})
		}
		return api.NotReady(ctx, m)
	}}
	_, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	if before, all := <-interrupted, looks.Load(); err == nil || all > before+1 {
		t.Errorf("of %d looks, %d had begun before the interrupt: %v", all, before, err)
	}
	st, _, err := w.engine().Status(t.Context(), spec, secrets)
	w.must(err)
	expectPacks(t, &engine.Outcome{Status: st}, model.StateDegraded, "NotApplied", "Not applied: b, c, d. Not ready: a")
	w.expectPlan(spec, secrets, "apply_pack a", "apply_pack b", "apply_pack c", "apply_pack d")
	for i := range spec.Packs {
		spec.Packs[i].WaitTimeout = time.Second
	}
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, "apply_pack a: not within 1s: not ready: Deployment default/a")
}
