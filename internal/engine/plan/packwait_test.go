package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// TestPlanWaitsForPacks has what is planned about packs of manifests that are waited for, by what
// the cluster holds of them.
func TestPlanWaitsForPacks(t *testing.T) {
	t.Parallel()
	pack := func(name, layer string, wait bool) model.Pack {
		return model.Pack{Name: name, Layer: layer, Manifests: []string{name}, Wait: wait, WaitTimeout: time.Minute}
	}
	holds := func(k model.Pack, notReady bool) model.AppliedPack {
		return model.AppliedPack{Hash: k.Hash(), Inventory: true, NotReady: notReady}
	}
	inventory := []model.ObjectRef{}
	for name, c := range map[string]struct {
		layer          string
		wait           bool
		have, notReady bool
		do             []string
	}{
		"new":                             {"addon", true, false, false, []string{"apply_pack app"}},
		"new, of the network":             {"cni", true, false, false, []string{"apply_pack app", "wait_for_pack app"}},
		"new, of the network, unwatched":  {"cni", false, false, false, []string{"apply_pack app"}},
		"as it was":                       {"addon", true, true, false, nil},
		"not ready":                       {"addon", true, true, true, []string{"apply_pack app"}},
		"not ready, of the network":       {"cni", true, true, true, []string{"apply_pack app", "wait_for_pack app"}},
		"not ready, and not to be waited": {"addon", false, true, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			k := pack("app", c.layer, c.wait)
			s.Packs = append(slices.Clone(s.Packs), k)
			if c.have {
				f.API.Packs["app"] = holds(k, c.notReady)
				f.API.Inventories = map[string][]model.ObjectRef{"app": inventory}
			}
			p := planned(s, f)
			if got := changes(p); !slices.Equal(got, c.do) || len(p.Problems) > 0 {
				t.Errorf("planned %v, %v", got, p.Problems)
			}
			if unseen := p.Unseen(nil); slices.ContainsFunc(unseen, func(c model.Change) bool { return c.Action == model.ActionWaitForPack }) {
				t.Errorf("an apply is stopped by %v", unseen)
			}
			st := plan.Status(s, f, nil, time.Now())
			i := slices.IndexFunc(st.Conditions, func(c model.Condition) bool { return c.Type == "PacksApplied" })
			waits := c.wait && c.notReady
			if got := st.Conditions[i]; (got.Reason == "NotReady" && got.Message == "Not ready: app") != waits {
				t.Errorf("it is %+v", got)
			}
		})
	}
}
