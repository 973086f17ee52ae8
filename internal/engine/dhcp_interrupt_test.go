package engine_test

import (
	"context"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestLoadBalancerInterrupted kills a run at each of its calls that restarts a load balancer,
// builds one anew that is gone, or has a control plane grow behind it, and goes on: the endpoint
// is what it was, and leads to every API server.
func TestLoadBalancerInterrupted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		every   int
		prepare func(*world, *model.ClusterSpec)
	}{
		"restart": {20, func(w *world, _ *model.ClusterSpec) { w.must(w.sim.PowerOffVM("prod-lb")) }},
		"gone":    {20, func(w *world, _ *model.ClusterSpec) { w.must(w.sim.DeleteVM("prod-lb")) }},
		"growth":  {40, func(_ *world, spec *model.ClusterSpec) { spec.ControlPlane.Count = 3 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := func(w *world) (model.ClusterSpec, *model.Secrets, *engine.Outcome) {
				spec, secrets, out := w.applied(w.leased(1, 0))
				c.prepare(w, &spec)
				return spec, secrets, out
			}
			interrupt(t, c.every, disturbances, func(w *world) {
				spec, secrets, _ := prepared(w)
				w.sim.ResetCalls()
				w.again(spec, secrets)
			}, func(t *testing.T, k int, d disturbance) {
				w := d.world(t)
				spec, secrets, before := prepared(w)
				_, mac := w.loadBalancer(spec)
				w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
					_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
				})
				spec = w.again(spec, secrets)
				if len(actions(w.plan(spec, secrets))) > 0 {
					spec = w.again(spec, secrets) // what had to be judged once the API answered
				}
				w.forwards(spec, secrets, spec.ControlPlane.Count)
				if _, now := w.loadBalancer(spec); mac != "" && now != mac || w.status(spec, secrets).Endpoint != before.Status.Endpoint {
					t.Errorf("the endpoint was %s at %s and is %s at %s", before.Status.Endpoint, mac, w.status(spec, secrets).Endpoint, now)
				}
				if vms := w.sim.Leftovers().VMs; len(vms) != spec.ControlPlane.Count+1 {
					t.Errorf("VMs %v", vms)
				}
				w.etcdMembers(secrets)
			})
		})
	}
}
