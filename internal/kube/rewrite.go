package kube

import (
	"context"
	"errors"

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
	secrets := a.clients.CoreV1().Secrets(metav1.NamespaceAll)
	options := metav1.ListOptions{Limit: secretsAPage}
	for {
		page, err := secrets.List(ctx, options)
		var status apierrors.APIStatus
		if apierrors.IsResourceExpired(err) && errors.As(err, &status) && options.Continue != "" {
			// The list is of a time that etcd has compacted. It goes on with what there is
			// now: what was made since is written with the first key.
			options.Continue = status.Status().Continue
			continue
		}
		if err != nil {
			return failed(ctx, err, "list the Secrets")
		}
		for _, secret := range page.Items {
			if err := a.rewriteSecret(ctx, secret.Namespace, secret.Name); err != nil {
				return failed(ctx, err, "write the Secret %s/%s again", secret.Namespace, secret.Name)
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return nil
		}
	}
}

func (a *api) rewriteSecret(ctx context.Context, namespace, name string) error {
	_, err := a.clients.CoreV1().Secrets(namespace).Patch(ctx, name, types.MergePatchType, []byte("{}"),
		metav1.PatchOptions{FieldManager: FieldManager})
	if apierrors.IsNotFound(err) {
		return nil // it was deleted
	}
	return err
}
