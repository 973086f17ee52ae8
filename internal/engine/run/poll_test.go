package run_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// TestPollReturnsTheReason has a last call that the end of the time cuts off: the
// error of the one before it is the reason.
func TestPollReturnsTheReason(t *testing.T) {
	t.Parallel()
	timing := model.Timing{Tick: time.Millisecond, MaxTick: time.Millisecond}
	calls := 0
	err := run.Poll(t.Context(), timing, 20*time.Millisecond, func(ctx context.Context) error {
		if calls++; calls == 1 {
			return errors.New("it is unhealthy")
		}
		<-ctx.Done()
		return fmt.Errorf("unable to list the nodes: %w", ctx.Err())
	})
	if err == nil || !strings.Contains(err.Error(), "it is unhealthy") {
		t.Errorf("got %v", err)
	}
}
