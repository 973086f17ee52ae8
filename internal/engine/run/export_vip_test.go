package run

import (
	"context"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
)

// VIPTiming is how long the hand-over of a VIP takes in tests.
var VIPTiming = model.Timing{
	Tick: time.Millisecond, MaxTick: time.Millisecond, CallTimeout: time.Second,
	VIPRetry: 4 * time.Millisecond, VIPWait: 3 * time.Second,
}

// HandOverVIP has another node hold the VIP than one. The run deletes the nodes that are given.
func HandOverVIP(ctx context.Context, spec *model.ClusterSpec, facts *model.Facts, api model.API, node string, deletes ...string) error {
	r := &Runner{Config: Config{Spec: spec, World: &observe.World{Facts: *facts}, Timing: VIPTiming}}
	r.record = newRecordWriter(r)
	r.api = &clusterAPI{turn: make(chan struct{}, 1), api: api, ready: true, timing: VIPTiming}
	r.goes = deletes
	return r.handOverVIP(ctx, node)
}
