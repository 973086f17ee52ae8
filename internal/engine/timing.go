package engine

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
)

// DefaultDrainTimeout bounds the eviction of a node's pods.
const DefaultDrainTimeout = 10 * time.Minute

// Timing is how long the engine waits, and how often it looks.
type Timing struct {
	Tick        time.Duration // the shortest time between two looks at vCenter
	MaxTick     time.Duration // the longest
	CallTimeout time.Duration // one read of a tick
	RetryBudget time.Duration // how long transient faults of one call are retried
	Backoff     time.Duration // the first pause of a retry; it doubles up to MaxTick
	BootTimeout time.Duration // from power-on to joined
	APITimeout  time.Duration // from joined to an answer behind the VIP
	ReadyWait   time.Duration // from the last step to all nodes Ready
	TokenLife   time.Duration // of a bootstrap token
}

// DefaultTiming is what a real vCenter is met with.
func DefaultTiming() Timing {
	return Timing{
		Tick: 100 * time.Millisecond, MaxTick: 3 * time.Second, CallTimeout: 30 * time.Second,
		RetryBudget: 3 * time.Minute, Backoff: 500 * time.Millisecond,
		BootTimeout: 20 * time.Minute, APITimeout: 5 * time.Minute, ReadyWait: 5 * time.Minute,
		TokenLife: 30 * time.Minute,
	}
}

// retry calls until the call works, fails for good, or the budget of transient
// faults is used up.
func (t Timing) retry(ctx context.Context, call func(context.Context) error) error {
	pause, start := t.Backoff, time.Now()
	for {
		err := call(ctx)
		if err == nil || !Transient(err) || ctx.Err() != nil {
			return err
		}
		if time.Since(start)+pause > t.RetryBudget {
			return fmt.Errorf("it failed for %s: %w", t.RetryBudget, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(pause*2, t.MaxTick)
	}
}

// holderName says in a lock who works: enough for a person to find the process.
func holderName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s pid %d %s", host, os.Getpid(), uuid.NewString()[:8])
}
