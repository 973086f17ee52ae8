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

// VMAnnotation is on the nodes that Gantry drains to delete them: the reference of the VM.
const VMAnnotation = "gantry.io/vm"

const (
	cordonedByGantry = "true"
	// cordonedBefore is of a node that was unschedulable when Gantry came to drain it, and
	// stays so when that is undone.
	cordonedBefore = "before"
	// restarted and restartedBefore are the same of a node that is drained to be restarted:
	// unlike one that is deleted, it is whole wherever that ends.
	restarted       = "restart"
	restartedBefore = "restart-before"
)

// cordon makes a node unschedulable and annotates it in the same write. What was begun to be
// deleted stays marked as that, and what is deleted after a restart is marked anew. Only of a
// node that is deleted there is a VM to note.
func (a *api) cordon(ctx context.Context, node *corev1.Node, vm string, restart bool) error {
	mark := node.Annotations[CordonedAnnotation]
	before := node.Spec.Unschedulable && (mark == "" || mark == cordonedBefore || mark == restartedBefore)
	by := cordonedByGantry
	switch begun := mark != "" && !restarts(mark); {
	case restart && begun && node.Spec.Unschedulable:
		return nil
	case restart && before:
		by = restartedBefore
	case restart:
		by = restarted
	case before:
		by = cordonedBefore
	}
	if mark == by && node.Spec.Unschedulable && node.Annotations[VMAnnotation] == vm {
		return nil
	}
	noted := any(vm)
	if vm == "" {
		noted = nil
	}
	return failed(ctx, a.patchCordon(ctx, node.Name, by, noted, true), "cordon the node %q", node.Name)
}

// restarts reports whether a mark is of a node that was drained to be restarted.
func restarts(mark string) bool { return mark == restarted || mark == restartedBefore }

// Uncordon undoes what Drain did to a node: it is schedulable again, unless it was not
// before. One that Gantry has not cordoned stays as it is, and an absent one is success.
func (a *api) Uncordon(ctx context.Context, name string) error {
	node, err := a.clients.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err == nil && node.Annotations[CordonedAnnotation] != "" {
		var unschedulable any
		mark := node.Annotations[CordonedAnnotation]
		if (mark == cordonedBefore || mark == restartedBefore) && node.Spec.Unschedulable {
			unschedulable = true
		}
		err = a.patchCordon(ctx, name, nil, nil, unschedulable)
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return failed(ctx, err, "uncordon the node %q", name)
}

// patchCordon sets the marks of a cordon; nil removes them.
func (a *api) patchCordon(ctx context.Context, name string, annotation, vm, unschedulable any) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{CordonedAnnotation: annotation, VMAnnotation: vm}},
		"spec":     map[string]any{"unschedulable": unschedulable},
	})
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{FieldManager: FieldManager}
	_, err = a.clients.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, options)
	return err
}
