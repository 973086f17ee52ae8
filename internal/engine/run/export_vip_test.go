package run

import (
	"context"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
)

// HandOverVIP has another node hold the VIP, and returns what the run warns of. The nodes that
// the run has built are given.
func HandOverVIP(
	ctx context.Context, spec *model.ClusterSpec, facts *model.Facts, api model.API, node string, made ...string,
) (warnings []string, err error) {
	timing := model.Timing{Tick: time.Millisecond, MaxTick: time.Millisecond, VIPWait: 100 * time.Millisecond}
	r := &Runner{Config: Config{Spec: spec, World: &observe.World{Facts: *facts}, Timing: timing}}
	r.record = newRecordWriter(r)
	r.api = &clusterAPI{turn: make(chan struct{}, 1), api: api, ready: true, timing: timing}
	r.api.report = func(_ context.Context, message string) { warnings = append(warnings, message) }
	for _, name := range made {
		r.made.add(model.Machine{Marker: model.Marker{Node: name}})
	}
	err = r.handOverVIP(ctx, node)
	return warnings, err
}
