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
	"k8s.io/client-go/dynamic"
)

// Apply applies manifests server-side with the field manager "gantry". A
// namespaced object without a namespace goes to "default". What can't be
// applied yet, because its kind or its namespace is still being made or the API
// is busy, is tried again until ctx ends; what is refused for good fails the
// call once all other objects have had their turn. The error names each object.
func (a *api) Apply(ctx context.Context, manifests []string) error {
	pending, err := parse(manifests)
	if err != nil {
		return err
	}
	for {
		var refused, later []error
		var unknown bool
		var left []*unstructured.Unstructured
		for _, object := range pending {
			err := a.applyOne(ctx, object)
			switch {
			case err == nil:
			case notYet(err):
				left = append(left, object)
				later = append(later, err)
				unknown = unknown || meta.IsNoMatchError(err)
			default:
				refused = append(refused, err)
			}
		}
		if len(refused) > 0 {
			return errors.Join(refused...)
		}
		if len(left) == 0 {
			return nil
		}
		pending = left
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting (%w) to apply:\n%w", context.Cause(ctx), errors.Join(later...))
		case <-time.After(a.interval):
		}
		if unknown { // the kind may be served by now
			a.mapper.Reset()
		}
	}
}

func (a *api) applyOne(ctx context.Context, object *unstructured.Unstructured) error {
	gvk := object.GroupVersionKind()
	mapping, err := a.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return failed(ctx, err, "apply the %s", describe(object))
	}
	var client dynamic.ResourceInterface = a.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if object.GetNamespace() == "" {
			object.SetNamespace(metav1.NamespaceDefault)
		}
		client = a.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace())
	}
	// Forced: the profile is the truth about the fields that it sets.
	_, err = client.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	return failed(ctx, err, "apply the %s", describe(object))
}

// notYet tells what a later try may heal: a kind that is not served, a
// namespace that does not exist, and what passes by itself. A context that
// ended counts too, so that the caller hears of all that was left undone.
func notYet(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || passing(err) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Available answers nil once a deployment's condition Available is true for the
// generation that was last applied.
func (a *api) Available(ctx context.Context, namespace, deployment string) error {
	d, err := a.clients.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
	if err != nil {
		return failed(ctx, err, "read the deployment %s/%s", namespace, deployment)
	}
	if d.Status.ObservedGeneration < d.Generation {
		return fmt.Errorf("the deployment %s/%s has not been looked at by its controller yet", namespace, deployment)
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentAvailable {
			if c.Status == corev1.ConditionTrue {
				return nil
			}
			return fmt.Errorf("the deployment %s/%s is not available: %s: %s", namespace, deployment, c.Reason, c.Message)
		}
	}
	return fmt.Errorf("the deployment %s/%s is not available: it has no condition Available yet", namespace, deployment)
}
