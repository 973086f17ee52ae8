package kube_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// pagedSecrets serves Secrets in pages of two. At the second page the list has expired.
func pagedSecrets(t *testing.T, clients *fake.Clientset, secrets []corev1.Secret) {
	t.Helper()
	expired := false
	clients.PrependReactor("list", "secrets", func(action clienttesting.Action) (bool, runtime.Object, error) {
		options := action.(clienttesting.ListActionImpl).GetListOptions()
		if options.Limit == 0 {
			t.Error("all Secrets are asked for at once")
		}
		from := 0
		if options.Continue != "" {
			if _, err := fmt.Sscanf(options.Continue, "from %d", &from); err != nil {
				t.Fatal(err)
			}
		}
		if from > 0 && !expired {
			expired = true
			gone := apierrors.NewResourceExpired("The provided continue parameter is too old")
			gone.ErrStatus.Continue = options.Continue
			return true, nil, gone
		}
		page := &corev1.SecretList{Items: secrets[from:min(from+2, len(secrets))]}
		if from+2 < len(secrets) {
			page.Continue = fmt.Sprintf("from %d", from+2)
		}
		return true, page, nil
	})
}

func TestRewriteSecretsTouchesEachOnceAndChangesNone(t *testing.T) {
	t.Parallel()
	var secrets []corev1.Secret
	var objects []runtime.Object
	var want []string
	for n := range 5 {
		secret := corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("ns-%d", n%2), Name: fmt.Sprintf("s%d", n)}}
		secrets = append(secrets, secret)
		if n != 3 { // deleted since it was listed
			objects = append(objects, &secret)
		}
		want = append(want, secret.Namespace+"/"+secret.Name+" {}")
	}
	clients := fake.NewClientset(objects...)
	pagedSecrets(t, clients, secrets)
	if err := kube.NewForClients(clients).RewriteSecrets(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, action := range clients.Actions() {
		if patch, ok := action.(clienttesting.PatchAction); ok {
			got = append(got, patch.GetNamespace()+"/"+patch.GetName()+" "+string(patch.GetPatch()))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("patched %q, want %q", got, want)
	}
}

func TestRewriteSecretsNamesWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "password"}})
	clients.PrependReactor("patch", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "password", fmt.Errorf("a webhook says no"))
	})
	err := kube.NewForClients(clients).RewriteSecrets(t.Context())
	if err == nil || !strings.Contains(err.Error(), "shop/password") || !strings.Contains(err.Error(), "a webhook says no") {
		t.Errorf("error %v", err)
	}
}
