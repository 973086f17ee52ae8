package machine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

func TestCourierKeepsOrderAndDropsTheDead(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	courier, ended := machine.NewCourier(ctx)
	off, powerOff := context.WithCancel(ctx)
	blocked, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var told []int
	courier.Send(ctx, func() { close(blocked); <-release })
	<-blocked
	// Nobody who tells something waits for a call that is under way.
	for i := range 100 {
		of := ctx
		if i%2 == 1 {
			of = off
		}
		courier.Send(of, func() { told = append(told, i) })
	}
	powerOff()
	courier.Send(ctx, func() { close(done) })
	close(release)
	<-done
	if len(told) != 50 || !slices.IsSorted(told) || slices.ContainsFunc(told, func(i int) bool { return i%2 == 1 }) {
		t.Errorf("told %v", told)
	}
	courier.Stop()
	courier.Stop()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("it goes on after Stop")
	}
}
