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
// give them work again when they are to stay after all. A node that somebody else
// has cordoned never carries it.
const CordonedAnnotation = "gantry.io/cordoned"

// cordon keeps new pods off a node and says, in the same write, that Gantry did.
func (a *api) cordon(ctx context.Context, node *corev1.Node) error {
	if node.Spec.Unschedulable {
		return nil
	}
	return failed(ctx, a.patchCordon(ctx, node.Name, "true", true), "cordon the node %q", node.Name)
}

// Uncordon gives work again to a node that Drain has cordoned; one that is gone is
// success.
func (a *api) Uncordon(ctx context.Context, name string) error {
	err := a.patchCordon(ctx, name, nil, nil)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return failed(ctx, err, "uncordon the node %q", name)
}

// patchCordon sets both marks of a cordon; nil takes them away.
func (a *api) patchCordon(ctx context.Context, name string, annotation, unschedulable any) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{CordonedAnnotation: annotation}},
		"spec":     map[string]any{"unschedulable": unschedulable},
	})
	if err != nil {
		return err
	}
	_, err = a.clients.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	return err
}
