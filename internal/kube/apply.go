package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// Apply applies manifests server-side with the field manager "gantry". A
// namespaced object without a namespace goes to "default". An object whose kind
// or namespace does not exist yet, or that meets a busy API, is retried until
// ctx ends; a permanent refusal fails the call after one attempt of every
// object. The error names each object.
func (a *api) Apply(ctx context.Context, m model.PackManifests) ([]model.PackObject, error) {
	pending, err := parse(m.Manifests)
	if err != nil {
		return nil, err
	}
	return a.applyAll(ctx, pending, func(object *unstructured.Unstructured) (model.PackObject, error) {
		return a.applyOne(ctx, m, object)
	})
}

// applyAll applies objects by one, which applies a single one.
func (a *api) applyAll(
	ctx context.Context, pending []*unstructured.Unstructured, one func(*unstructured.Unstructured) (model.PackObject, error),
) ([]model.PackObject, error) {
	applied := newAppliedObjects(pending)
	for {
		var refused, retryErrs []error
		var unknownKind bool
		var remaining []*unstructured.Unstructured
		for _, object := range pending {
			done, err := one(object)
			switch {
			case err == nil:
				applied.add(object, done)
			case retryable(err):
				remaining = append(remaining, object)
				retryErrs = append(retryErrs, err)
				unknownKind = unknownKind || meta.IsNoMatchError(err) || notServed(err)
			default:
				refused = append(refused, err)
			}
		}
		if len(refused) > 0 {
			return nil, errors.Join(refused...)
		}
		if len(remaining) == 0 {
			return applied.list(), nil
		}

		pending = remaining
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("gave up waiting (%w) to apply:\n%w", context.Cause(ctx), errors.Join(retryErrs...))
		case <-time.After(a.interval):
		}
		if unknownKind { // it may be served by now
			a.mapper.Reset()
		}
	}
}

func (a *api) applyOne(ctx context.Context, m model.PackManifests, object *unstructured.Unstructured) (model.PackObject, error) {
	mapping, err := a.mappingOf(object)
	if err != nil {
		return model.PackObject{}, failed(ctx, err, "apply the %s", describe(object))
	}
	done := model.PackObject{ObjectRef: place(object, mapping)}
	for _, known := range m.Objects {
		done.TakenOver = done.TakenOver || known.TakenOver && known.ObjectRef == done.ObjectRef
	}
	if !done.TakenOver {
		mark(object, m.Owner)
	}
	done.Manifest = a.hashes.text("manifest", jsonOf(object.Object))
	keepSetBack(&done, m.Objects)
	at := a.resource(mapping, done.Namespace)
	wanted := object
	if hasPlaceholder(object) {
		live, err := at.Get(ctx, object.GetName(), metav1.GetOptions{})
		if err != nil && (!apierrors.IsNotFound(err) || notServed(err)) {
			return model.PackObject{}, failed(ctx, err, "read the %s", describe(object))
		}
		if err == nil {
			wanted = object.DeepCopy()
			withoutFilled(wanted, live)
		}
	}
	// Forced: the profile is authoritative for the fields that it sets.
	live, err := at.Apply(ctx, object.GetName(), wanted, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	if err != nil {
		return model.PackObject{}, failed(ctx, err, "apply the %s", describe(object))
	}
	done.Version = mapping.GroupVersionKind.Version
	done.Set = a.hashes.setFields(wanted, live)
	done.AsksToGo = asksToGo(live)
	return done, nil
}

// retryable reports whether a later attempt may succeed: a kind that is not
// served, a namespace that does not exist, a transient error. The end of the
// context counts too, so that the error names every object that was not applied.
func retryable(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || transient(err) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Available returns nil once all pods of a deployment are of its present version, and
// available. Its condition of that name is true as long as enough of the former version
// are.
func (a *api) Available(ctx context.Context, namespace, deployment string) error {
	d, err := a.clients.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
	if err != nil {
		return failed(ctx, err, "read the deployment %s/%s", namespace, deployment)
	}
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	have := d.Status
	switch {
	case have.ObservedGeneration < d.Generation:
		return fmt.Errorf("the deployment %s/%s has not been observed by its controller yet", namespace, deployment)
	case have.UpdatedReplicas < want:
		return fmt.Errorf("the deployment %s/%s has %d of %d pods of its present version%s",
			namespace, deployment, have.UpdatedReplicas, want, obstacle(d))
	case have.AvailableReplicas < have.Replicas || have.AvailableReplicas < want:
		return fmt.Errorf("of the deployment %s/%s, %d of %d pods are available%s",
			namespace, deployment, have.AvailableReplicas, max(want, have.Replicas), obstacle(d))
	case have.Replicas > have.UpdatedReplicas:
		return fmt.Errorf("the deployment %s/%s still has pods of its former version: %d",
			namespace, deployment, have.Replicas-have.UpdatedReplicas)
	}
	return nil
}

// obstacle is what the conditions of a deployment say of why it does not get on.
func obstacle(d *appsv1.Deployment) string {
	for _, c := range d.Status.Conditions {
		bad := c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue ||
			c.Type != appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionFalse
		if bad {
			return ": " + printable.Line(c.Reason+": "+c.Message, maxReason)
		}
	}
	return ""
}
