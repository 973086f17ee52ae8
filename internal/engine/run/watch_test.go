package run_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// slowTask is a vCenter with one task.
type slowTask struct {
	model.VCenter
	ends  time.Time
	looks int
}

func (v *slowTask) Poll(context.Context, model.PollRequest) (*model.PollResult, error) {
	v.looks++
	return &model.PollResult{Tasks: map[string]model.TaskState{"task": {Done: !time.Now().Before(v.ends)}}}, nil
}

// TestTaskIsSeenSoonAfterItsEnd waits for tasks of every duration: the end of each is
// seen a quarter of it later at most, and never later than the longest pause, with few
// reads.
func TestTaskIsSeenSoonAfterItsEnd(t *testing.T) {
	t.Parallel()
	timing := model.DefaultTiming()
	for duration, looks := range map[time.Duration]int{
		50 * time.Millisecond: 1, time.Second: 7, 5 * time.Second: 13, time.Minute: 34, 10 * time.Minute: 214,
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			vc := &slowTask{ends: began.Add(duration)}
			if err := run.WaitTask(t.Context(), vc, timing, "task"); err != nil {
				t.Fatal(err)
			}
			late := time.Since(began) - duration
			if late > timing.Tick+min(duration/4, timing.MaxTick) || vc.looks > looks {
				t.Errorf("a task of %s is seen %s late, with %d reads", duration, late, vc.looks)
			}
			time.Sleep(2 * timing.MaxTick) // of the bubble: the loop ends at its next turn
		})
	}
}

// slowVCenter takes its time for each look.
type slowVCenter struct {
	slowTask
	answer time.Duration
}

func (v *slowVCenter) Poll(ctx context.Context, req model.PollRequest) (*model.PollResult, error) {
	time.Sleep(v.answer)
	return v.slowTask.Poll(ctx, req)
}

// TestSlowVCenterIsAskedLessOften waits for the same task at vCenters of different speed:
// however slow one is, it spends at most a sixth of the time on these reads.
func TestSlowVCenterIsAskedLessOften(t *testing.T) {
	t.Parallel()
	timing := model.DefaultTiming()
	for answer, looks := range map[time.Duration]int{
		0: 7, 50 * time.Millisecond: 4, 200 * time.Millisecond: 2, 10 * time.Second: 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			vc := &slowVCenter{slowTask: slowTask{ends: time.Now().Add(time.Second)}, answer: answer}
			if err := run.WaitTask(t.Context(), vc, timing, "task"); err != nil {
				t.Fatal(err)
			}
			if vc.looks > looks {
				t.Errorf("a vCenter that answers after %s was asked %d times, want %d", answer, vc.looks, looks)
			}
			time.Sleep(2 * timing.MaxTick) // of the bubble: the loop ends at its next turn
		})
	}
}
