package kube_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

func TestToken(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset()
	api := kube.NewForClients(clients)
	expires := time.Date(2031, 4, 5, 8, 7, 8, 0, time.FixedZone("CEST", 2*3600))
	for range 2 { // twice: also renewing must work
		if err := api.PutToken(t.Context(), "abcdef.0123456789abcdef", expires); err != nil {
			t.Fatal(err)
		}
	}
	secret, err := clients.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-abcdef", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if secret.Type != "bootstrap.kubernetes.io/token" {
		t.Errorf("type %q", secret.Type)
	}
	for key, want := range map[string]string{
		"token-id": "abcdef", "token-secret": "0123456789abcdef", "expiration": "2031-04-05T06:07:08Z",
		"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
		"auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
	} {
		if got := string(secret.Data[key]); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for range 2 {
		if err := api.DeleteToken(t.Context(), "abcdef.0123456789abcdef"); err != nil {
			t.Fatal(err)
		}
	}
	list, err := clients.CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("left: %v %v", list.Items, err)
	}
}

func TestTokenSecretStaysOutOfErrors(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset()
	clients.PrependReactor("create", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource("secrets"), "bootstrap-token-abcdef", errors.New("no"))
	})
	api := kube.NewForClients(clients)
	for _, token := range []string{"abcdef.0123456789abcdef", "0123456789abcdef"} {
		err := api.PutToken(t.Context(), token, time.Now())
		if err == nil || strings.Contains(err.Error(), "0123456789abcdef") {
			t.Errorf("want an error without the secret, got %v", err)
		}
	}
	err := api.PutToken(t.Context(), "abcdef.0123456789abcdef", time.Now())
	if !errors.Is(err, model.ErrPermission) || model.Transient(err) {
		t.Errorf("want a lasting lack of permission, got %v", err)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset()
	api := kube.NewForClients(clients)
	for _, content := range []string{"old", "new"} {
		if err := api.PutCertificates(t.Context(), map[string][]byte{"ca.crt": []byte(content)}); err != nil {
			t.Fatal(err)
		}
	}
	secret, err := clients.CoreV1().Secrets("kube-system").Get(t.Context(), "kubeadm-certs", metav1.GetOptions{})
	if err != nil || string(secret.Data["ca.crt"]) != "new" || secret.Type != corev1.SecretTypeOpaque {
		t.Errorf("secret %v, %v", secret, err)
	}
	role, err := clients.RbacV1().Roles("kube-system").Get(t.Context(), "kubeadm:kubeadm-certs", metav1.GetOptions{})
	if err != nil || len(role.Rules) != 1 || role.Rules[0].ResourceNames[0] != "kubeadm-certs" || role.Rules[0].Verbs[0] != "get" {
		t.Errorf("role %v, %v", role, err)
	}
	binding, err := clients.RbacV1().RoleBindings("kube-system").Get(t.Context(), "kubeadm:kubeadm-certs", metav1.GetOptions{})
	if err != nil || binding.RoleRef.Name != role.Name || binding.Subjects[0].Kind != "Group" ||
		binding.Subjects[0].Name != "system:bootstrappers:kubeadm:default-node-token" {
		t.Errorf("binding %v, %v", binding, err)
	}
	before := writes(clients)
	if err := api.PutCertificates(t.Context(), map[string][]byte{"ca.crt": []byte("new")}); err != nil {
		t.Fatal(err)
	}
	if n := writes(clients) - before; n != 0 {
		t.Errorf("nothing differed, yet %d writes", n)
	}
	for range 2 {
		if err := api.DeleteCertificates(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := api.Secret(t.Context(), "kubeadm-certs"); err != nil || data != nil {
		t.Errorf("left: %v %v", data, err)
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset()
	api := kube.NewForClients(clients)
	if data, err := api.Secret(t.Context(), "gantry-pki"); data != nil || err != nil {
		t.Fatalf("want nothing, got %v %v", data, err)
	}
	if err := api.PutSecret(t.Context(), "gantry-pki", map[string][]byte{"a": []byte("1"), "b": []byte("2")}); err != nil {
		t.Fatal(err)
	}
	var conflicts int
	clients.PrependReactor("update", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		if conflicts++; conflicts == 1 {
			return true, nil, apierrors.NewConflict(corev1.Resource("secrets"), "gantry-pki", nil)
		}
		return false, nil, nil
	})
	if err := api.PutSecret(t.Context(), "gantry-pki", map[string][]byte{"a": []byte("3")}); err != nil {
		t.Fatal(err)
	}
	data, err := api.Secret(t.Context(), "gantry-pki")
	if err != nil || len(data) != 1 || string(data["a"]) != "3" {
		t.Errorf("want exactly the last data, got %v %v", data, err)
	}
}

func TestSecretThatSomebodyElseCreatesMeanwhile(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset()
	var lost bool
	clients.PrependReactor("create", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		if lost {
			return false, nil, nil
		}
		lost = true
		other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "gantry-pki"}}
		if err := clients.Tracker().Add(other); err != nil {
			t.Error(err)
		}
		return true, nil, apierrors.NewAlreadyExists(corev1.Resource("secrets"), "gantry-pki")
	})
	api := kube.NewForClients(clients)
	if err := api.PutSecret(t.Context(), "gantry-pki", map[string][]byte{"a": []byte("1")}); err != nil {
		t.Fatal(err)
	}
	data, err := api.Secret(t.Context(), "gantry-pki")
	if err != nil || string(data["a"]) != "1" {
		t.Errorf("want the data in the other one's object, got %v %v", data, err)
	}
}

func TestUnreachableIsNotAbsent(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset()
	clients.PrependReactor("*", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewServiceUnavailable("etcd has no leader")
	})
	api := kube.NewForClients(clients)
	data, err := api.Secret(t.Context(), "gantry-pki")
	if data != nil || !model.Transient(err) {
		t.Errorf("Secret: want a transient error, got %v %v", data, err)
	}
	nodes, err := api.Nodes(t.Context())
	if nodes != nil || !model.Transient(err) {
		t.Errorf("Nodes: want a transient error, got %v %v", nodes, err)
	}
	if err := api.DeleteNode(t.Context(), "x"); !model.Transient(err) {
		t.Errorf("DeleteNode: want a transient error, got %v", err)
	}
}
