package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// errGone says that a refresh found nothing of a cluster that was there.
var errGone = errors.New("a refresh says that nothing of it is left")

// outcome is what a run has come to. A run that is killed saves nothing of it.
type outcome struct {
	err  error
	save func()
}

// run is one apply, as Terraform does it: a refresh, a plan, and what the plan has shown.
func (w *walk) run(ctx context.Context, c *walked, e *engine.Engine) outcome {
	w.tally.applies.Add(1)
	switch {
	case c.state != nil && (c.state.tainted || c.wanted.KubernetesVersion == ""):
		spec := c.spec()
		err := e.Destroy(ctx, spec.Target())
		return outcome{err, func() {
			if err == nil {
				c.state = nil
			}
		}}
	case c.state == nil && c.wanted.KubernetesVersion == "":
		return outcome{nil, func() {}}
	case c.state == nil:
		return w.runCreation(ctx, c, e)
	}
	spec, secrets := c.spec(), *c.state.secrets
	refreshed := spec
	status, facts, err := e.Status(ctx, refreshed, &secrets)
	if err == nil && status == nil {
		err = errGone
	}
	if err != nil {
		return outcome{fmt.Errorf("refresh: %w", err), func() {}}
	}
	spec.Known = knownOf(status)
	p, err := e.Plan(ctx, spec, &secrets, facts)
	if err == nil {
		err = p.Err()
	}
	if err != nil {
		return outcome{fmt.Errorf("plan: %w", err), func() {}}
	}
	shown := p.Changes()
	out, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: &secrets, Shown: &shown, Parents: c.parents})
	return outcome{err, func() { c.save(out, &secrets, false) }}
}

func (w *walk) runCreation(ctx context.Context, c *walked, e *engine.Engine) outcome {
	spec, secrets := c.spec(), newSecrets(w.t)
	out, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets, Parents: c.parents})
	var refused *model.PlanError
	if errors.As(err, &refused) && strings.Contains(err.Error(), "import") && c.lost != nil {
		return w.runImport(ctx, c, e)
	}
	c.lost = secrets
	return outcome{err, func() {
		if out.ID != uuid.Nil {
			c.save(out, secrets, err != nil && !out.APIReached)
		}
	}}
}

// runImport is what a person does of whose creation all was done but for the goodbye.
func (w *walk) runImport(ctx context.Context, c *walked, e *engine.Engine) outcome {
	found, err := e.Import(ctx, engine.ImportRequest{Ref: c.wanted.Ref, Kubeconfig: c.lost.Kubeconfig})
	if err != nil {
		return outcome{fmt.Errorf("import: %w", err), func() {}}
	}
	return outcome{nil, func() {
		c.state = &walkedState{id: found.ID, incarnation: found.Incarnation, secrets: found.Secrets}
	}}
}

func (c *walked) save(out *engine.Outcome, secrets *model.Secrets, tainted bool) {
	if out.ID == uuid.Nil {
		return
	}
	state := &walkedState{id: out.ID, incarnation: out.Incarnation, secrets: secrets, tainted: tainted}
	if out.Status != nil {
		state.known = knownOf(out.Status)
	} else if c.state != nil {
		state.known = c.state.known
	}
	c.state = state
}

// applyOnce applies in a process of its own, undisturbed.
func (w *walk) applyOnce(c *walked) error {
	e, end := w.process()
	defer end()
	e.Timing.ReadyWait, e.Timing.BootTimeout = 15*time.Second, 20*time.Second
	out := w.run(w.t.Context(), c, e)
	out.save()
	return out.err
}

// converge brings a cluster to its spec, while something goes wrong in the first run, and
// looks whether all is as it should be. At the same time another process may change another
// cluster.
func (w *walk) converge(c *walked, what string) {
	trouble := w.drawTrouble(c)
	other, whatElse := w.drawOther(c)
	w.tell("%s: %s, %s", c.name, what, trouble)
	began := time.Now()
	defer func() { w.r.Logf("  took %s", time.Since(began).Round(time.Millisecond)) }()
	w.tally.troubles[trouble.kind]++
	w.sim.ResetCalls()
	run := func() error { return trouble.disturb(w, c) }
	if other != nil {
		w.tell("  beside it %s: %s", other.name, whatElse)
		w.tally.troubles["beside another"]++
		alone := run
		run = func() error {
			var err error
			_ = w.watched(other, false, func() error { err = w.beside(other, alone); return err })
			return err
		}
	}
	if err := w.watched(c, trouble.byHandOn(c), run); err != nil {
		w.tell("  the first run: %s", oneLine(err))
	}
	runs := 1
	if trouble.byHand() {
		runs = 5 // it may take a while until the API says what has happened
	}
	w.finish(c, what, runs)
	if other != nil {
		w.finish(other, whatElse, 1)
	}
	w.tally.calls += w.sim.Calls().Total
	w.whole()
}

// drawOther changes another cluster that runs, or none.
func (w *walk) drawOther(c *walked) (*walked, string) {
	for _, other := range w.clusters {
		if other != c && other.runs() && rapid.IntRange(0, 2).Draw(w.r, "beside") == 0 {
			other.edit()
			changes := []func(*walk, *walked) string{(*walk).scaleWorkers, (*walk).resize, (*walk).otherPool, (*walk).describe, (*walk).destroy}
			return other, changes[rapid.IntRange(0, len(changes)-1).Draw(w.r, "change")](w, other)
		}
	}
	return nil, ""
}

// beside applies a cluster in a process of its own while another run goes on.
func (w *walk) beside(c *walked, other func() error) error {
	e, end := w.process()
	defer end()
	var out outcome
	var both sync.WaitGroup
	both.Go(func() { out = w.run(w.t.Context(), c, e) })
	err := other()
	both.Wait()
	out.save()
	if out.err != nil {
		w.tell("  the run beside it: %s", oneLine(out.err))
	}
	return err
}

// finish applies a cluster until nothing is left to do, which has to be so after a number of
// runs. One that has to be created again takes one more.
func (w *walk) finish(c *walked, what string, runs int) {
	runs += c.retries()
	for try := 1; ; try++ {
		err := w.watched(c, false, func() error { return w.applyOnce(c) })
		if err == nil && (c.state == nil) == (c.wanted.KubernetesVersion == "") {
			if err = w.nothingToDo(c); err == nil {
				return
			}
		}
		w.tell("  run %d after it: %v", try, err)
		if try >= runs && !(c.state == nil && err == nil) {
			w.t.Fatalf("%s: %s: run %d after it: %v", c.name, what, try, err)
		}
	}
}

func oneLine(err error) string {
	line := strings.ReplaceAll(err.Error(), "\n", "; ")
	return line[:min(len(line), 400)]
}

// watched runs something and looks what the machines of a cluster have done meanwhile: none
// of one that runs is initialised again, and its etcd keeps its quorum, also where a person
// takes one member of it away. That may be the moment after the engine has found all of them
// well and restarts another one for its commands, which nothing can know.
func (w *walk) watched(c *walked, byHand bool, run func() error) error {
	before := w.sim.History()
	ran := c.runs() && c.wanted.KubernetesVersion != ""
	finished := ran || w.finished(c)
	err := run()
	after := w.sim.History()
	mine := func(vms []string) []string {
		return slices.DeleteFunc(slices.Clone(vms), func(text string) bool { return !strings.Contains(text, c.name+"-cp-") })
	}
	if again := mine(after.Inits[len(before.Inits):]); finished && c.wanted.KubernetesVersion != "" && len(again) > 0 {
		w.t.Errorf("a second control plane was initialised: %v (%v)", again, err)
	}
	if unreadable := mine(after.Unreadable[len(before.Unreadable):]); len(unreadable) > 0 {
		w.t.Errorf("Secrets could not be read: %v (%v)", unreadable, err)
	}
	if lost := mine(after.QuorumLosses[len(before.QuorumLosses):]); ran && !(byHand && c.restarts()) && len(lost) > 0 {
		w.t.Errorf("the quorum was lost: %v (%v)", lost, err)
	}
	return err
}

// restarts reports whether the engine may restart nodes of the control plane.
func (c *walked) restarts() bool {
	return slices.Contains(c.wanted.ControlPlane.Setup.PostBootstrap, failsOnce)
}

// finished reports whether the record says that a cluster was created, whatever Terraform
// knows. One that was not is begun anew with other authorities, since its own are lost.
func (w *walk) finished(c *walked) bool {
	if c.wanted.KubernetesVersion == "" || c.state != nil {
		return c.runs()
	}
	e, end := w.process()
	defer end()
	rec, err := e.Ledger.Record(w.t.Context(), e.Ledger.ID(c.wanted.Ref))
	if err != nil {
		return false
	}
	body, err := rec.Cluster()
	return err == nil && body.APIReached && body.CreationComplete
}

// nothingToDo returns what there is to do for a cluster, with a refresh and without.
func (w *walk) nothingToDo(c *walked) error {
	if c.state == nil {
		return nil
	}
	e, end := w.process()
	defer end()
	spec, secrets := c.spec(), *c.state.secrets
	status, facts, err := e.Status(w.t.Context(), spec, &secrets)
	if err != nil || status == nil {
		return fmt.Errorf("refresh: %w", errors.Join(err, errGone))
	}
	c.state.known = knownOf(status)
	if status.State != model.StateRunning || status.Health != model.Healthy {
		return fmt.Errorf("it is %s and %s: %+v", status.State, status.Health, status.Conditions)
	}
	for _, remembered := range []*model.Facts{facts, nil} {
		p, err := e.Plan(w.t.Context(), c.spec(), &secrets, remembered)
		if err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		if !p.Empty() || p.Err() != nil {
			return errors.Join(fmt.Errorf("the plan after an apply has %v, %v", actions(p), p.Warnings), p.Err())
		}
	}
	return nil
}
