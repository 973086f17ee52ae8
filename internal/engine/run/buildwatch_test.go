package run_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// building is a vCenter with one VM, which goes through its states.
type building struct {
	model.VCenter
	began  time.Time
	states []buildState
}

type buildState struct {
	until time.Duration
	on    bool
	phase string
}

func (v *building) Poll(context.Context, model.PollRequest) (*model.PollResult, error) {
	now := v.states[len(v.states)-1]
	for _, s := range v.states {
		if time.Since(v.began) < s.until {
			now = s
			break
		}
	}
	return &model.PollResult{VMs: map[string]model.VMState{"vm": {
		PoweredOn: now.on, Phase: now.phase, LogTail: "the end", ToolsRunning: true,
	}}}, nil
}

const ever = 1000 * time.Hour

// TestWaitForABuild waits for VMs of all kinds of fates.
func TestWaitForABuild(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		states []buildState
		run    time.Duration // 0: it has all the time
		says   string        // empty: the image is built
	}{
		"built": {states: []buildState{
			{time.Minute, true, bootstrap.PhaseCloned}, {time.Hour, true, bootstrap.PhaseBuilding},
			{61 * time.Minute, true, bootstrap.PhaseBuilt}, {ever, false, bootstrap.PhaseBuilt},
		}},
		"vCenter was away while it said so": {states: []buildState{
			{time.Hour, true, bootstrap.PhaseBuilding}, {ever, false, bootstrap.PhaseBuilt},
		}},
		"silent": {states: []buildState{{ever, true, bootstrap.PhaseCloned}}, says: "has reported nothing within 20m0s"},
		"no lease": {states: []buildState{
			{time.Minute, true, bootstrap.PhaseCloned}, {ever, true, bootstrap.PhaseBooting},
		}, says: "has waited in vain for a lease for 20m0s"},
		"off": {states: []buildState{
			{time.Minute, true, bootstrap.PhaseBuilding}, {ever, false, bootstrap.PhaseBuilding},
		}, says: "was powered off before it had reported"},
		"a host failed": {states: []buildState{
			{time.Hour, true, bootstrap.PhaseBuilding}, {60*time.Minute + time.Second, false, bootstrap.PhaseBuilding},
			{61 * time.Minute, true, bootstrap.PhaseBooting}, {2 * time.Hour, true, bootstrap.PhaseBuilding}, {ever, false, bootstrap.PhaseBuilt},
		}},
		"a host failed while it was cleaned": {states: []buildState{
			{time.Minute, true, bootstrap.PhaseBuilding}, {ever, true, bootstrap.PhaseCleaning},
		}, says: "has not been cleaned within 20m0s"},
		"a host failed after it was cleaned": {states: []buildState{
			{time.Minute, true, bootstrap.PhaseBuilt}, {ever, true, bootstrap.PhaseBuilding},
		}, says: "has booted again after it had been cleaned"},
		"and it says no more": {states: []buildState{
			{time.Minute, true, bootstrap.PhaseBuilding}, {ever, true, bootstrap.PhaseBuilt},
		}, says: "did not power off within 3m0s or was started again"},
		"the run ends": {states: []buildState{{ever, true, bootstrap.PhaseBuilding}}, run: time.Hour, says: "The end of its log:\nthe end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.run > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.run)
					defer cancel()
				}
				timing := model.DefaultTiming()
				err := run.AwaitBuilt(ctx, &building{began: time.Now(), states: c.states}, timing, "vm")
				time.Sleep(2 * timing.MaxTick) // of the bubble: the loop ends at its next turn
				switch {
				case c.says == "" && err != nil:
					t.Error(err)
				case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
					t.Errorf("got %v, want %q", err, c.says)
				}
			})
		})
	}
}
