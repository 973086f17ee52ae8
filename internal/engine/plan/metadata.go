package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// satisfies reports whether a node carries all desired metadata, and nothing that
// was set earlier and is no longer desired.
func satisfies(node model.KubeNode, want model.NodeMeta) bool {
	return covers(want.Labels, node.Labels, node.Managed.Labels) &&
		covers(want.Annotations, node.Annotations, node.Managed.Annotations) &&
		coversTaints(want.Taints, node.Taints, node.Managed.Taints)
}

func covers(want, have, managed map[string]string) bool {
	for key, value := range want {
		_, ours := managed[key] // what others set is adopted: the remembered facts leave it out
		if got, ok := have[key]; !ours || !ok || got != value {
			return false
		}
	}
	for key := range managed {
		_, wanted := want[key]
		_, present := have[key]
		if present && !wanted {
			return false
		}
	}
	return true
}

func coversTaints(want, have, managed []model.Taint) bool {
	for _, taint := range want {
		if !slices.Contains(have, taint) {
			return false
		}
	}
	same := func(t model.Taint) func(model.Taint) bool {
		return func(other model.Taint) bool { return other.Key == t.Key && other.Effect == t.Effect }
	}
	for _, taint := range managed {
		if !slices.ContainsFunc(want, same(taint)) && slices.ContainsFunc(have, same(taint)) {
			return false
		}
	}
	return true
}
