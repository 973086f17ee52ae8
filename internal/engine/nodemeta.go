package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// meta is what users want on the nodes of a pool.
func (s *PoolSpec) meta() NodeMeta {
	return NodeMeta{Labels: s.Labels, Annotations: s.Annotations, Taints: s.Taints}
}

// empty tells whether there is nothing to set.
func (m NodeMeta) empty() bool {
	return len(m.Labels)+len(m.Annotations)+len(m.Taints) == 0
}

// satisfiedBy tells whether a node carries all that is wanted, and nothing that
// was set earlier and is no longer wanted.
func (m NodeMeta) satisfiedBy(node KubeNode) bool {
	return covers(m.Labels, node.Labels, node.Managed.Labels) &&
		covers(m.Annotations, node.Annotations, node.Managed.Annotations) &&
		coversTaints(m.Taints, node.Taints, node.Managed.Taints)
}

func covers(want, have, managed map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	for k := range managed {
		if _, wanted := want[k]; !wanted {
			if _, still := have[k]; still {
				return false
			}
		}
	}
	return true
}

func coversTaints(want, have, managed []Taint) bool {
	for _, t := range want {
		if !slices.Contains(have, t) {
			return false
		}
	}
	same := func(t Taint) func(Taint) bool {
		return func(o Taint) bool { return o.Key == t.Key && o.Effect == t.Effect }
	}
	for _, t := range managed {
		if !slices.ContainsFunc(want, same(t)) && slices.ContainsFunc(have, same(t)) {
			return false
		}
	}
	return true
}

// Hash identifies what a pack applies.
func (k Pack) Hash() string {
	if k.Digest != "" {
		return k.Digest
	}
	h := sha256.New()
	for _, m := range k.Manifests {
		h.Write([]byte(m))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
