package kube

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/retry"
)

// store is the part of a typed client that put needs.
type store[T any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Create(ctx context.Context, object T, opts metav1.CreateOptions) (T, error)
	Update(ctx context.Context, object T, opts metav1.UpdateOptions) (T, error)
}

// put creates an object, or updates the existing one: change edits it and
// reports whether it differed. After losing a race to another writer, also over
// the creation, it starts over.
func put[T metav1.Object](ctx context.Context, s store[T], want T, change func(have T) bool) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		have, err := s.Get(ctx, want.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = s.Create(ctx, want, metav1.CreateOptions{FieldManager: FieldManager})
			if apierrors.IsAlreadyExists(err) {
				return apierrors.NewConflict(schema.GroupResource{}, want.GetName(), err)
			}
			return err
		}
		if err != nil || !change(have) {
			return err
		}
		_, err = s.Update(ctx, have, metav1.UpdateOptions{FieldManager: FieldManager})
		return err
	})
}
