package run_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// TestSlotsGoToTheMostUrgent has everything wait for the one slot, the least urgent
// first, and one of them give up.
func TestSlotsGoToTheMostUrgent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slots := run.NewSlots(1)
		if err := slots.Take(t.Context(), run.Urgent); err != nil {
			t.Fatal(err)
		}
		var order []string
		wait := func(ctx context.Context, what string, u run.Urgency) {
			go func() {
				if err := slots.Take(ctx, u); err != nil {
					order = append(order, what+" "+err.Error())
					return
				}
				order = append(order, what)
				slots.Give()
			}()
			synctest.Wait()
		}
		impatient, giveUp := context.WithCancelCause(t.Context())
		wait(t.Context(), "worker 1", run.CloneOfWorker)
		wait(impatient, "worker 2", run.CloneOfWorker)
		wait(t.Context(), "worker 3", run.CloneOfWorker)
		wait(t.Context(), "control plane", run.CloneOfControlPlane)
		wait(t.Context(), "power-on", run.Urgent)
		giveUp(errors.New("gave up"))
		synctest.Wait()
		slots.Give()
		synctest.Wait()
		want := []string{"worker 2 gave up", "power-on", "control plane", "worker 1", "worker 3"}
		if !slices.Equal(order, want) {
			t.Errorf("order %v, not %v", order, want)
		}
	})
}
