package sharedread_test

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/sharedread"
)

// source is what is read: it numbers its reads, each of which takes a second, or what
// takes says.
type source struct {
	shared sharedread.Read[int]
	takes  time.Duration

	mu        sync.Mutex
	began     []time.Time
	running   int
	most      int // reads that ran at the same time
	cancelled int
	fail      error
}

func (s *source) read(ctx context.Context) (int, error) {
	s.mu.Lock()
	s.began = append(s.began, time.Now())
	n := len(s.began)
	s.running++
	s.most = max(s.most, s.running)
	fail := s.fail
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
	}()
	select {
	case <-time.After(cmp.Or(s.takes, time.Second)):
		return n, fail
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cancelled++
		return 0, ctx.Err()
	}
}

func (s *source) get(ctx context.Context, maxAge time.Duration) (int, error) {
	return s.shared.Get(ctx, maxAge, s.read)
}

// want reads and expects the result of the n-th read.
func (s *source) want(t *testing.T, maxAge time.Duration, n int) {
	t.Helper()
	if got, err := s.get(t.Context(), maxAge); err != nil || got != n {
		t.Errorf("at most %v old: read %d, %v; want read %d", maxAge, got, err, n)
	}
}

func (s *source) reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.began)
}

// bubble runs a test with a clock of its own.
func bubble(t *testing.T, test func(t *testing.T, s *source)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, &source{}) })
}

func TestCallersOfOneMomentShareARead(t *testing.T) {
	for name, maxAge := range map[string]time.Duration{"new": 0, "some seconds old": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *source) {
				var wg sync.WaitGroup
				for range 30 {
					wg.Go(func() { s.want(t, maxAge, 1) })
				}
				wg.Wait()
				if n := s.reads(); n != 1 {
					t.Errorf("%d reads, want 1", n)
				}
			})
		})
	}
}

func TestARunningReadIsTooOldForWhoAsksForANewOne(t *testing.T) {
	bubble(t, func(t *testing.T, s *source) {
		var wg sync.WaitGroup
		wg.Go(func() { s.want(t, 0, 1) })
		time.Sleep(500 * time.Millisecond)
		for range 10 {
			wg.Go(func() { s.want(t, 0, 2) })
		}
		wg.Go(func() { s.want(t, time.Second, 1) })
		asked := time.Now()
		wg.Wait()
		if n := s.reads(); n != 2 || s.most != 1 {
			t.Errorf("%d reads, %d at a time; want 2, one after the other", n, s.most)
		}
		if s.began[1].Before(asked) {
			t.Error("the second read began before it was asked for")
		}
	})
}

// A read that took long is kept for longer than its callers ask.
func TestAFinishedReadIsKeptForAWhile(t *testing.T) {
	for name, c := range map[string]struct{ takes, kept time.Duration }{
		"short":     {100 * time.Millisecond, 5 * time.Second},
		"long":      {2 * time.Second, 20 * time.Second},
		"very long": {time.Minute, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *source) {
				s.takes = c.takes
				s.want(t, 0, 1)
				time.Sleep(c.kept)
				s.want(t, 5*time.Second, 1)
				time.Sleep(time.Millisecond)
				s.want(t, 5*time.Second, 2)
				s.want(t, 0, 3)
				s.want(t, time.Nanosecond, 3)
			})
		})
	}
}

func TestForgottenReadsAreNotUsed(t *testing.T) {
	bubble(t, func(t *testing.T, s *source) {
		s.want(t, 0, 1)
		s.shared.Forget()
		s.want(t, time.Minute, 2)

		// One that runs serves those who asked before the change, and no others.
		var wg sync.WaitGroup
		wg.Go(func() { s.want(t, 0, 3) })
		time.Sleep(500 * time.Millisecond)
		s.shared.Forget()
		wg.Go(func() { s.want(t, time.Minute, 4) })
		wg.Wait()
		s.want(t, time.Minute, 4)

		// One that has yet to begin is new enough.
		wg.Go(func() { s.want(t, 0, 5) })
		synctest.Wait()
		s.shared.Forget()
		s.want(t, time.Minute, 5)
		wg.Wait()
	})
}

func TestErrorsAreSharedAndNotKept(t *testing.T) {
	bubble(t, func(t *testing.T, s *source) {
		broken := errors.New("broken")
		s.fail = broken
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := s.get(t.Context(), time.Minute); !errors.Is(err, broken) {
					t.Errorf("error %v", err)
				}
			})
		}
		wg.Wait()
		s.fail = nil
		s.want(t, time.Minute, 2)
	})
}

// A failed read says nothing about what was read before it.
func TestAFailureLeavesWhatWasKept(t *testing.T) {
	bubble(t, func(t *testing.T, s *source) {
		s.want(t, 0, 1)
		s.fail = errors.New("broken")
		if _, err := s.get(t.Context(), 0); err == nil {
			t.Error("no error")
		}
		s.want(t, time.Minute, 1)
	})
}

func TestACallerThatLeavesDoesNotBreakTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, s *source) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.get(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() { s.want(t, 0, 1) })
		wg.Wait()
		if s.cancelled > 0 {
			t.Error("the read was cancelled")
		}
	})
}

func TestAReadWithoutCallersIsCancelled(t *testing.T) {
	bubble(t, func(t *testing.T, s *source) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := s.get(ctx, 0); !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
			})
		}
		time.Sleep(500 * time.Millisecond)
		// Who asks now gets a read of their own, without waiting for the other one.
		asked := time.Now()
		wg.Go(func() { s.want(t, 0, 2) })
		synctest.Wait()
		cancel()
		wg.Wait()
		if s.cancelled != 1 || time.Since(asked) > time.Second {
			t.Errorf("%d reads cancelled, the next took %v", s.cancelled, time.Since(asked))
		}
		// It is not kept, and nothing waits for it.
		s.want(t, time.Minute, 2)
	})
}

func TestCallersThatLeaveBeforeTheReadBegins(t *testing.T) {
	bubble(t, func(t *testing.T, s *source) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.get(ctx, 0) })
		synctest.Wait()
		cancel()
		wg.Wait()
		if _, err := s.get(ctx, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		time.Sleep(time.Second)
		if n := s.reads(); n != 0 {
			t.Errorf("%d reads without a caller", n)
		}
		s.want(t, 0, 1)
	})
}

func TestAReadHasTheValuesOfItsCallerAndNotItsDeadline(t *testing.T) {
	type key struct{}
	bubble(t, func(t *testing.T, s *source) {
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "v"), time.Hour)
		defer cancel()
		_, err := s.shared.Get(ctx, 0, func(ctx context.Context) (int, error) {
			if _, limited := ctx.Deadline(); limited || ctx.Value(key{}) != "v" {
				t.Error("the read has a deadline, or lacks the value")
			}
			return 0, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestAReadThatEndsWithoutAResultIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, s *source) {
		_, err := s.shared.Get(t.Context(), 0, func(context.Context) (int, error) {
			runtime.Goexit()
			return 0, nil
		})
		if err == nil {
			t.Error("no error")
		}
		s.want(t, time.Minute, 1)
	})
}

// Whatever callers do, each gets data that is as new as it asked for.
func TestManyCallersAndChanges(t *testing.T) {
	t.Parallel()
	var (
		shared  sharedread.Read[int64]
		version atomic.Int64
		wg      sync.WaitGroup
	)
	read := func(context.Context) (int64, error) {
		runtime.Gosched()
		return version.Load(), nil
	}
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				if j%8 == 0 {
					version.Add(1)
					shared.Forget()
				}
				ctx, cancel := context.WithCancel(t.Context())
				if i%4 == 0 && j%3 == 0 {
					cancel()
				}
				before := version.Load()
				got, err := shared.Get(ctx, time.Duration(i%2)*time.Minute, read)
				cancel()
				if i%2 == 0 && err == nil && got < before {
					t.Errorf("version %d was read, and %d was there before", got, before)
				}
			}
		})
	}
	wg.Wait()
	// Nothing has changed since the last Forget but what was read after it.
	if got, err := shared.Get(t.Context(), time.Minute, read); err != nil || got != version.Load() {
		t.Errorf("version %d, %v; want %d", got, err, version.Load())
	}
}

// What is kept is what Get would return without a read, and nothing where it would read.
func TestKeptNeverReads(t *testing.T) {
	bubble(t, func(t *testing.T, s *source) {
		kept := func(maxAge time.Duration, want int, there bool) {
			t.Helper()
			if got, ok := s.shared.Kept(maxAge); got != want || ok != there || len(s.began) > 1 {
				t.Errorf("kept is %d (%t), after %d reads", got, ok, len(s.began))
			}
		}
		kept(time.Minute, 0, false)
		s.want(t, 0, 1)
		kept(time.Minute, 1, true)
		kept(0, 0, false)
		time.Sleep(time.Hour)
		kept(time.Minute, 0, false)
		kept(2*time.Hour, 1, true)
		s.shared.Forget()
		kept(2*time.Hour, 0, false)
	})
}
