package acctest

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// Interrupted says what an interrupt test does.
type Interrupted struct {
	Options simulator.Options
	// Before are steps that run undisturbed.
	Before func(*Environment) []resource.TestStep
	// Step is applied with the provider dead from the k-th vCenter call of its
	// apply on, for every k, and then once more undisturbed: it has to end in the
	// same place.
	Step func(*Environment) resource.TestStep
	// Stride tests only every stride-th k; 0 is 1.
	Stride int
}

// Run measures which calls the step's apply makes, and interrupts it at each.
// The calls of the plan before it only read: dying there leaves nothing.
func (i Interrupted) Run(t *testing.T) {
	t.Helper()
	first, last := i.measure(t)
	if last < first {
		t.Fatal("the step's apply makes no vCenter call")
	}
	for k := first; k <= last; k += max(1, i.Stride) {
		t.Run(fmt.Sprintf("call %d of %d", k-first+1, last-first+1), func(t *testing.T) {
			t.Parallel()
			env := New(t, i.Options)
			env.impatient = true
			interrupted, again := i.Step(env), i.Step(env)
			interrupted.PreConfig = func() { env.StopAfter(k) }
			interrupted.ExpectError = regexp.MustCompile(`.`)
			interrupted.ConfigPlanChecks = resource.ConfigPlanChecks{}
			interrupted.ConfigStateChecks, interrupted.Check = nil, nil
			again.PreConfig = func() {
				env.Resume()
				env.AdvanceClock(2 * time.Minute) // a lock of the dead is stale
			}
			again.ConfigPlanChecks = resource.ConfigPlanChecks{}
			i.test(t, env, interrupted, again)
		})
	}
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
	step.ConfigStateChecks = append(step.ConfigStateChecks,
		counter(func() { last = env.Calls().Total }))
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
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps:                    steps,
	})
}
