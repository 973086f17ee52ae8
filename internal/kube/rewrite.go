package kube

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// secretsAPage is how many Secrets are listed at once.
const secretsAPage = 200

// RewriteSecrets changes nothing of any Secret. The API server writes one that is not
// encrypted with its first key all the same, and no other one. It merges within etcd's own
// transaction, so that nothing that others write meanwhile is lost, and no field that this
// client does not know.
func (a *api) RewriteSecrets(ctx context.Context) error {
	var listed []types.NamespacedName
	// What was made since the list began is written with the first key already.
	err := pages(metav1.ListOptions{Limit: secretsAPage}, func(options metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := a.clients.CoreV1().Secrets(metav1.NamespaceAll).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			listed = append(listed, types.NamespacedName{Namespace: page.Items[i].Namespace, Name: page.Items[i].Name})
		}
		return page, nil
	})
	if err != nil {
		return failed(ctx, err, "list the Secrets")
	}
	for _, secret := range listed {
		if err := a.rewriteSecret(ctx, secret.Namespace, secret.Name); err != nil {
			return failed(ctx, err, "write the Secret %s again", secret)
		}
	}
	return nil
}

func (a *api) rewriteSecret(ctx context.Context, namespace, name string) error {
	_, err := a.clients.CoreV1().Secrets(namespace).Patch(ctx, name, types.MergePatchType, []byte("{}"),
		metav1.PatchOptions{FieldManager: FieldManager})
	if apierrors.IsNotFound(err) {
		return nil // it was deleted
	}
	return err
}
