package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// ManagedAnnotation records on each node which labels, annotations and taints
// Gantry set, so that it can remove those that left the configuration and
// no others.
const ManagedAnnotation = "gantry.io/managed"

// managed is the content of ManagedAnnotation; all lists are sorted.
type managed struct {
	Labels      []string `json:"labels,omitempty"`
	Annotations []string `json:"annotations,omitempty"`
	Taints      []string `json:"taints,omitempty"` // key:effect
}

// SetNodeMeta sets labels, annotations and taints of a node and removes those
// that an earlier call set. All others stay. A node in the desired state is not
// written.
func (a *api) SetNodeMeta(ctx context.Context, name string, want model.NodeMeta) error {
	for _, own := range []string{ManagedAnnotation, CordonedAnnotation, VMAnnotation, bootstrap.CertificatesExpire} {
		if _, ok := want.Annotations[own]; ok {
			return fmt.Errorf("the annotation %s of node %q is reserved for Gantry and can't be set", own, name)
		}
	}
	nodes := a.clients.CoreV1().Nodes()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		node, err := nodes.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		patch, err := metaPatch(node, want)
		if err != nil || patch == nil {
			return err
		}
		_, err = nodes.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
		return err
	})
	return failed(ctx, err, "set labels, annotations and taints of the node %q", name)
}

// metaPatch returns the JSON merge patch that takes a node to the desired state;
// nil when it is there. The patch has the resource version, because a merge
// patch replaces the taints as a whole and others write them too.
func metaPatch(node *corev1.Node, want model.NodeMeta) ([]byte, error) {
	before := readManaged(node)
	after := managed{
		Labels:      keys(want.Labels),
		Annotations: keys(want.Annotations),
		Taints:      taintKeys(want.Taints),
	}

	labels := mapPatch(node.Labels, want.Labels, before.Labels)
	annotations := mapPatch(node.Annotations, want.Annotations, before.Annotations)
	if err := recordManaged(annotations, node, after); err != nil {
		return nil, err
	}
	taints := mergeTaints(node.Spec.Taints, want.Taints, before.Taints)
	taintsDiffer := !equality.Semantic.DeepEqual(taints, node.Spec.Taints)
	if len(labels) == 0 && len(annotations) == 0 && !taintsDiffer {
		return nil, nil
	}

	metadata := map[string]any{"resourceVersion": node.ResourceVersion}
	if len(labels) > 0 {
		metadata["labels"] = labels
	}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	patch := map[string]any{"metadata": metadata}
	if taintsDiffer {
		patch["spec"] = map[string]any{"taints": taints}
	}
	return json.Marshal(patch)
}

// readManaged returns the keys that earlier calls set. An unreadable annotation
// counts as none: nothing is removed, and the next write repairs it.
func readManaged(node *corev1.Node) managed {
	var m managed
	if json.Unmarshal([]byte(node.Annotations[ManagedAnnotation]), &m) != nil {
		return managed{}
	}
	return m
}

// meta returns the recorded keys with the node's current values, without keys
// that others removed.
func (m managed) meta(node *corev1.Node) model.NodeMeta {
	meta := model.NodeMeta{
		Labels:      pick(node.Labels, m.Labels),
		Annotations: pick(node.Annotations, m.Annotations),
	}
	for _, t := range node.Spec.Taints {
		if slices.Contains(m.Taints, taintKey(t.Key, string(t.Effect))) {
			meta.Taints = append(meta.Taints, fromTaint(t))
		}
	}
	return meta
}

func pick(from map[string]string, keys []string) map[string]string {
	picked := map[string]string{}
	for _, key := range keys {
		if value, ok := from[key]; ok {
			picked[key] = value
		}
	}
	return picked
}

func fromTaint(t corev1.Taint) model.Taint {
	return model.Taint{Key: t.Key, Value: t.Value, Effect: string(t.Effect)}
}

func recordManaged(patch map[string]any, node *corev1.Node, after managed) error {
	text, err := json.Marshal(after)
	if err != nil {
		return err
	}
	have, exists := node.Annotations[ManagedAnnotation]
	none := len(after.Labels)+len(after.Annotations)+len(after.Taints) == 0
	switch {
	case none && exists:
		patch[ManagedAnnotation] = nil
	case !none && have != string(text):
		patch[ManagedAnnotation] = string(text)
	}
	return nil
}

// mapPatch returns the merge patch of a string map: desired values that differ,
// and null for keys that Gantry set before and that are no longer desired.
func mapPatch(have, want map[string]string, before []string) map[string]any {
	patch := map[string]any{}
	for key, value := range want {
		if old, ok := have[key]; !ok || old != value {
			patch[key] = value
		}
	}
	for _, key := range before {
		_, desired := want[key]
		if _, exists := have[key]; exists && !desired {
			patch[key] = nil
		}
	}
	return patch
}

// mergeTaints keeps the order of the taints that stay, so that nothing differs
// when nothing changed. Key and effect identify a taint.
func mergeTaints(have []corev1.Taint, want []model.Taint, before []string) []corev1.Taint {
	missing := make(map[string]model.Taint, len(want))
	for _, t := range want {
		missing[taintKey(t.Key, t.Effect)] = t
	}

	var taints []corev1.Taint
	for _, t := range have {
		key := taintKey(t.Key, string(t.Effect))
		if w, ok := missing[key]; ok {
			t.Value = w.Value
			delete(missing, key)
		} else if slices.Contains(before, key) {
			continue
		}
		taints = append(taints, t)
	}

	added := slices.SortedFunc(maps.Values(missing), func(a, b model.Taint) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Effect, b.Effect))
	})
	for _, t := range added {
		taints = append(taints, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
	}
	return taints
}

func keys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func taintKeys(taints []model.Taint) []string {
	var list []string
	for _, t := range taints {
		list = append(list, taintKey(t.Key, t.Effect))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func taintKey(key, effect string) string { return key + ":" + effect }
