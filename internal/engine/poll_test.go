package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// TestPollTellsTheReason has a last call that the end of the time cuts off: what
// the one before it answered is the reason.
func TestPollTellsTheReason(t *testing.T) {
	t.Parallel()
	calls := 0
	err := engine.Poll(t.Context(), 20*time.Millisecond, func(ctx context.Context) error {
		if calls++; calls == 1 {
			return errors.New("it is sick")
		}
		<-ctx.Done()
		return fmt.Errorf("unable to list the nodes: %w", ctx.Err())
	})
	if err == nil || !strings.Contains(err.Error(), "it is sick") {
		t.Errorf("got %v", err)
	}
}
