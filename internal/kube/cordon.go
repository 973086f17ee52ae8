package kube

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// CordonedAnnotation is on the nodes that Gantry drains, so that what it has done to those
// that it does not delete after all can be undone. Its value says who has cordoned them.
const CordonedAnnotation = "gantry.io/cordoned"

const (
	cordonedByGantry = "true"
	// cordonedBefore is of a node that was unschedulable when Gantry came to drain it, and
	// stays so when that is undone.
	cordonedBefore = "before"
)

// cordon makes a node unschedulable and annotates it in the same write.
func (a *api) cordon(ctx context.Context, node *corev1.Node) error {
	by := cordonedByGantry
	switch marked := node.Annotations[CordonedAnnotation] != ""; {
	case node.Spec.Unschedulable && marked:
		return nil
	case node.Spec.Unschedulable:
		by = cordonedBefore
	}
	return failed(ctx, a.patchCordon(ctx, node.Name, by, true), "cordon the node %q", node.Name)
}

// Uncordon undoes what Drain did to a node: it is schedulable again, unless it was not
// before. An absent one is success.
func (a *api) Uncordon(ctx context.Context, name string) error {
	node, err := a.clients.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		var unschedulable any
		if node.Annotations[CordonedAnnotation] == cordonedBefore && node.Spec.Unschedulable {
			unschedulable = true
		}
		err = a.patchCordon(ctx, name, nil, unschedulable)
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return failed(ctx, err, "uncordon the node %q", name)
}

// patchCordon sets both marks of a cordon; nil removes them.
func (a *api) patchCordon(ctx context.Context, name string, annotation, unschedulable any) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{CordonedAnnotation: annotation}},
		"spec":     map[string]any{"unschedulable": unschedulable},
	})
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{FieldManager: FieldManager}
	_, err = a.clients.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, options)
	return err
}
