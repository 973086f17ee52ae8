package kube

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// CordonedAnnotation is on the nodes that Gantry has cordoned, so that it can
// uncordon those that it does not delete after all. A node that was cordoned
// otherwise never has it.
const CordonedAnnotation = "gantry.io/cordoned"

// cordon makes a node unschedulable and annotates it in the same write.
func (a *api) cordon(ctx context.Context, node *corev1.Node) error {
	if node.Spec.Unschedulable {
		return nil
	}
	return failed(ctx, a.patchCordon(ctx, node.Name, "true", true), "cordon the node %q", node.Name)
}

// Uncordon makes a node that Drain has cordoned schedulable again; an absent one
// is success.
func (a *api) Uncordon(ctx context.Context, name string) error {
	err := a.patchCordon(ctx, name, nil, nil)
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
