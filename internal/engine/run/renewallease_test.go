package run_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// leaseAPI is an API of which only the Lease of renewals is asked, which a node may hold.
type leaseAPI struct {
	model.API
	mu      sync.Mutex
	node    string // that holds it
	renewed int    // by the node, so far
	renews  bool   // whether it does, at each look
	taken   int    // by the run, so far
	held    bool
}

func (a *leaseAPI) TakeRenewalLease(_ context.Context, over string) (model.LeaseHolder, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.renews {
		a.renewed++
	}
	if version := fmt.Sprint(a.renewed); a.node != "" && over != version {
		return model.LeaseHolder{Name: a.node, Version: version}, nil
	}
	a.node = ""
	a.held = true
	a.taken++
	return model.LeaseHolder{}, nil
}

func (a *leaseAPI) ReleaseRenewalLease(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = false
	return nil
}

// TestRunWaitsForANodeThatRenews has nodes hold the Lease: one that renews it keeps it, and
// one that has died, or is about to, does not.
func TestRunWaitsForANodeThatRenews(t *testing.T) {
	t.Parallel()
	gone := &model.Facts{Gone: []model.KnownMachine{{Node: "c-cp-2", Ref: "vm-2"}}}
	for name, c := range map[string]struct {
		node   string
		renews bool
		facts  *model.Facts
		goes   string
		life   time.Duration
		waits  bool
	}{
		"it is free":         {"", false, &model.Facts{}, "", time.Hour, false},
		"a node":             {"c-cp-2", false, &model.Facts{}, "", time.Hour, true},
		"one that is gone":   {"c-cp-2", false, gone, "", time.Hour, false},
		"one that goes":      {"c-cp-2", false, &model.Facts{}, "c-cp-2", time.Hour, false},
		"another goes":       {"c-cp-2", false, &model.Facts{}, "c-cp-1", time.Hour, true},
		"one that has died":  {"c-cp-2", false, &model.Facts{}, "", 20 * time.Millisecond, false},
		"one that goes on":   {"c-cp-2", true, &model.Facts{}, "", 20 * time.Millisecond, true},
		"a run that is over": {"", false, gone, "c-cp-2", time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &leaseAPI{node: c.node, renews: c.renews}
			timing := model.Timing{
				Tick: time.Millisecond, MaxTick: 2 * time.Millisecond, CallTimeout: time.Second,
				LeaseLife: c.life, LeaseWait: 200 * time.Millisecond,
			}
			if !c.waits {
				timing.LeaseWait = 10 * time.Second
			}
			did := false
			err := run.WhileRenewalsAreHeld(t.Context(), c.facts, api, timing, c.goes, func() { did = api.isHeld() })
			if did == c.waits || (err != nil) != c.waits || api.held {
				t.Errorf("done with the Lease: %t, %v, held at the end: %t", did, err, api.held)
			}
			if c.waits && !strings.Contains(err.Error(), "c-cp-2 renews its certificates") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRunRenewsItsLease holds the Lease for longer than it lives.
func TestRunRenewsItsLease(t *testing.T) {
	t.Parallel()
	api := &leaseAPI{}
	timing := model.Timing{Tick: time.Millisecond, CallTimeout: time.Second, LeaseLife: 15 * time.Millisecond, LeaseWait: time.Second}
	err := run.WhileRenewalsAreHeld(t.Context(), &model.Facts{}, api, timing, "", func() {
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
			api.mu.Lock()
			taken := api.taken
			api.mu.Unlock()
			if taken > 3 || time.Now().After(deadline) {
				return
			}
		}
	})
	if err != nil || api.taken < 4 || api.held {
		t.Errorf("%v: taken %d times, held at the end: %t", err, api.taken, api.held)
	}
}

func (a *leaseAPI) isHeld() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held
}
