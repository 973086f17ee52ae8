package engine_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestJoinThatFailsOnceItsNodeIsRegistered has the successor of a control-plane node fail
// when the API knows its node already, with and without a member of etcd: it has not
// joined, the run does not take it for joined, and the next one builds another.
func TestJoinThatFailsOnceItsNodeIsRegistered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version string
		ends    guest.JoinStage
	}{
		{"1.37.2", guest.JoinNodeRegistered},
		{"1.32.9", guest.JoinNodeRegistered},
		{"1.32.9", guest.JoinMemberStarted},
	} {
		t.Run(c.version+" "+string(c.ends), func(t *testing.T) {
			t.Parallel()
			var ended atomic.Bool
			w := newWorld(t, simulator.Options{
				Inventory: simulator.Inventory{Templates: []simulator.Template{{Name: "old", KubernetesVersion: "1.32.9", Snapshot: true}}},
				AtJoin: func(vm string, stage guest.JoinStage) error {
					if vm == "prod-cp-2" && stage == c.ends {
						ended.Store(true)
						return errors.New("the join ends here")
					}
					return nil
				},
			})
			w.tightPool(1)
			spec := w.withNetwork(1, 0)
			if c.version != spec.KubernetesVersion {
				spec.KubernetesVersion, spec.Image.Template = c.version, "old"
			}
			spec, secrets, _ := w.applied(spec)
			spec.ControlPlane.CPU = 4
			_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
			if err == nil || !strings.Contains(err.Error(), "prod-cp-2 failed to join") || !ended.Load() {
				t.Fatalf("got %v", err)
			}
			node, known := w.kubeNodes(secrets)["prod-cp-2"]
			if !known || node.ControlPlane {
				t.Errorf("the node object is %+v", node)
			}
			_, facts, err := w.engine().Status(t.Context(), spec, secrets)
			w.must(err)
			if !facts.Pending(model.ControlPlanePool, 2) {
				t.Errorf("recorded as pending: %v", facts.Record.Pending)
			}
			p := w.plan(spec, secrets)
			want := []string{"delete_node prod-cp-2", "create_node prod-cp-3", "delete_node prod-cp-1"}
			if !slices.Equal(actions(p), want) || p.Err() != nil {
				t.Fatalf("planned %v, %v", actions(p), p.Problems)
			}
			w.apply(spec, secrets)
			w.wholeControlPlane(spec, secrets, 1)
		})
	}
}
