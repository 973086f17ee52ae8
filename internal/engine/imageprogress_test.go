package engine_test

import (
	"context"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestImportTellsHowFarItHasCome looks at the events of an upload that is held up in its midst:
// they say how much of the OVA has been read, more and more, and at which rate.
func TestImportTellsHowFarItHasCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	_, image := w.serve(ovatest.Image{DiskBytes: 32 << 20})
	w.sim.AtUpload(func() { time.Sleep(200 * time.Millisecond) })
	e := w.engine()
	e.Timing.ProgressEvery = 10 * time.Millisecond
	words := regexp.MustCompile(`^([0-9]+)% of 32 MB, [0-9]+\.[0-9] MB/s$`)
	var mu sync.Mutex
	var percents []int
	e.Report = func(_ context.Context, event model.Event) {
		mu.Lock()
		defer mu.Unlock()
		found := words.FindStringSubmatch(event.Message)
		if event.Status != model.EventNoted || event.Step.Action != model.ActionImportImage || found == nil {
			return
		}
		percent, _ := strconv.Atoi(found[1])
		percents = append(percents, percent)
	}
	_, err := e.Apply(t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
	w.must(err)
	mu.Lock()
	defer mu.Unlock()
	if len(percents) < 2 || percents[len(percents)-1] <= percents[0] || percents[len(percents)-1] > 100 {
		t.Errorf("told were %v percent", percents)
	}
}
