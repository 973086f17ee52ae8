package acctest

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// Interrupted says what an interrupt test does.
type Interrupted struct {
	Options simulator.Options
	// Before are steps that run undisturbed.
	Before func(*Environment) []resource.TestStep
	// Step is applied with vCenter out of reach from the k-th call of its apply on,
	// and then once more undisturbed: it has to end in the same place.
	Step func(*Environment) resource.TestStep
	// CheckDestroy is in the place of the environment's; nil: that one.
	CheckDestroy func(*Environment) resource.TestCheckFunc
	// Every samples one k of so many, with one of the variants in turn.
	Every int
}

// variant is what becomes of the first call that fails.
type variant string

const (
	notDone    variant = "not done"
	answerLost variant = "answer lost"
)

// cut interrupts the k-th call from now on and all after it.
func (v variant) cut(t *testing.T, env *Environment, k int) {
	t.Helper()
	if v == answerLost {
		if err := env.AddFault(simulator.Fault{Kind: simulator.DropAfter, Nth: k}); err != nil {
			t.Fatal(err)
		}
		k++
	}
	env.StopAfter(k)
}

// Run measures which calls the step's apply makes, and interrupts it at them.
// The calls of the plan before it only read: failing there leaves nothing.
func (i Interrupted) Run(t *testing.T) {
	t.Helper()
	var last int
	sweep.Sweep[variant]{
		Every: i.Every, Variants: []variant{notDone, answerLost},
		Calls: func(t *testing.T) (first, _ int) {
			first, last = i.measure(t)
			return first, last
		},
		Test: func(t *testing.T, k int, v variant) { i.interrupt(t, k, v, last) },
	}.Run(t)
}

// interrupt disturbs the k-th call. The last one gives the lock back, and is made a
// second time where that failed: a run that can do all but that has not failed.
func (i Interrupted) interrupt(t *testing.T, k int, v variant, last int) {
	t.Helper()
	env := New(t, i.Options)
	interrupted, again := i.Step(env), i.Step(env)
	interrupted.PreConfig = func() {
		env.impatient = true
		v.cut(t, env, k)
	}
	if k < last-1 {
		interrupted.ExpectError = regexp.MustCompile(`.`)
	}
	interrupted.ConfigPlanChecks = resource.ConfigPlanChecks{}
	interrupted.ConfigStateChecks, interrupted.Check = nil, nil
	again.PreConfig = func() {
		env.impatient = false
		env.ClearFaults()
		env.Resume()
		if v == answerLost {
			// Where that was the answer to a login, only idle time ends the session.
			env.ExpireSessions()
		}
		env.AdvanceClock(2 * time.Minute) // the lock of an interrupted run is stale
	}
	again.ConfigPlanChecks = resource.ConfigPlanChecks{}
	i.test(t, env, interrupted, again)
}

// measure counts the calls of an undisturbed step until its apply begins and
// until it ends.
func (i Interrupted) measure(t *testing.T) (first, last int) {
	t.Helper()
	env := New(t, i.Options)
	step := i.Step(env)
	step.PreConfig = env.ResetCalls
	step.ConfigPlanChecks.PreApply = append(step.ConfigPlanChecks.PreApply,
		counter(func() { first = env.Calls().Total + 1 }))
	// First of all checks, which may make calls of their own.
	step.ConfigStateChecks = append([]statecheck.StateCheck{counter(func() { last = env.Calls().Total })}, step.ConfigStateChecks...)
	i.test(t, env, step)
	return first, last
}

// counter is a check that is called between the phases of a step, and finds
// nothing wrong.
type counter func()

// CheckPlan is called between plan and apply.
func (c counter) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	c()
}

// CheckState is called between the apply and the plan that must be empty.
func (c counter) CheckState(context.Context, statecheck.CheckStateRequest, *statecheck.CheckStateResponse) {
	c()
}

func (i Interrupted) test(t *testing.T, env *Environment, steps ...resource.TestStep) {
	t.Helper()
	if i.Before != nil {
		steps = append(i.Before(env), steps...)
	}
	check := env.CheckDestroy
	if i.CheckDestroy != nil {
		check = i.CheckDestroy(env)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             check,
		ErrorCheck: func(err error) error {
			if env.impatient {
				return nil // of the step that is interrupted
			}
			return err
		},
		Steps: steps,
	})
}
