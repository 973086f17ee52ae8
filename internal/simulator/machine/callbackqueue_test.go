package machine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

func TestCallbackQueueKeepsOrderAndDropsTheDead(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	queue, ended := machine.NewCallbackQueue(ctx)
	off, powerOff := context.WithCancel(ctx)
	blocked, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var called []int
	queue.Send(ctx, func() { close(blocked); <-release })
	<-blocked
	// No sender waits for a call that is under way.
	for i := range 100 {
		of := ctx
		if i%2 == 1 {
			of = off
		}
		queue.Send(of, func() { called = append(called, i) })
	}
	powerOff()
	queue.Send(ctx, func() { close(done) })
	close(release)
	<-done
	if len(called) != 50 || !slices.IsSorted(called) || slices.ContainsFunc(called, func(i int) bool { return i%2 == 1 }) {
		t.Errorf("called %v", called)
	}
	queue.Stop()
	queue.Stop()
	select {
	case <-ended:
	case <-time.After(2 * time.Minute):
		t.Error("it goes on after Stop")
	}
}
