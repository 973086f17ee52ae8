package kube

import (
	"context"
	"errors"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Names that kubeadm fixes.
const (
	certificatesSecret = "kubeadm-certs"
	certificatesRole   = "kubeadm:kubeadm-certs"
	bootstrapGroup     = "system:bootstrappers:kubeadm:default-node-token"
	tokenSecretPrefix  = "bootstrap-token-"
)

// PutToken creates or renews a bootstrap token for kubeadm join. No error
// contains the token's secret half.
func (a *api) PutToken(ctx context.Context, token string, expires time.Time) error {
	id, secret, ok := splitToken(token)
	if !ok {
		return errors.New("a bootstrap token must have the form <id>.<secret>")
	}
	err := a.putSecret(ctx, tokenSecretPrefix+id, corev1.SecretTypeBootstrapToken, map[string][]byte{
		"token-id":                       []byte(id),
		"token-secret":                   []byte(secret),
		"expiration":                     []byte(expires.UTC().Format(time.RFC3339)),
		"usage-bootstrap-authentication": []byte("true"),
		"usage-bootstrap-signing":        []byte("true"),
		"auth-extra-groups":              []byte(bootstrapGroup),
		"description":                    []byte("Made by Gantry for nodes that join; deleted after the join."),
	})
	return failed(ctx, err, "store the bootstrap token %s", id)
}

// DeleteToken deletes a bootstrap token; an absent one is success.
func (a *api) DeleteToken(ctx context.Context, token string) error {
	id, _, ok := splitToken(token)
	if !ok {
		return errors.New("a bootstrap token must have the form <id>.<secret>")
	}
	return failed(ctx, a.deleteSecret(ctx, tokenSecretPrefix+id), "delete the bootstrap token %s", id)
}

func splitToken(token string) (id, secret string, ok bool) {
	id, secret, ok = strings.Cut(token, ".")
	return id, secret, ok && id != "" && secret != ""
}

// PutCertificates stores the download of `kubeadm join --control-plane`, as the
// phase upload-certs of `kubeadm init` does: the encrypted certificates, and
// the permission of bootstrap tokens to read them. The role comes first: a node
// that polls for the Secret finds both.
func (a *api) PutCertificates(ctx context.Context, data map[string][]byte) error {
	role := &rbacv1.Role{
		ObjectMeta: systemMeta(certificatesRole),
		Rules: []rbacv1.PolicyRule{{
			Verbs:         []string{"get"},
			APIGroups:     []string{""},
			Resources:     []string{"secrets"},
			ResourceNames: []string{certificatesSecret},
		}},
	}
	err := put(ctx, a.clients.RbacV1().Roles(metav1.NamespaceSystem), role, func(have *rbacv1.Role) bool {
		same := equality.Semantic.DeepEqual(have.Rules, role.Rules)
		have.Rules = role.Rules
		return !same
	})
	if err != nil {
		return failed(ctx, err, "store the role %s", certificatesRole)
	}

	binding := &rbacv1.RoleBinding{
		ObjectMeta: systemMeta(certificatesRole),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: certificatesRole},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: bootstrapGroup}},
	}
	err = put(ctx, a.clients.RbacV1().RoleBindings(metav1.NamespaceSystem), binding, func(have *rbacv1.RoleBinding) bool {
		same := equality.Semantic.DeepEqual(have.Subjects, binding.Subjects)
		have.Subjects = binding.Subjects
		return !same
	})
	if err != nil {
		return failed(ctx, err, "store the role binding %s", certificatesRole)
	}

	err = a.putSecret(ctx, certificatesSecret, corev1.SecretTypeOpaque, data)
	return failed(ctx, err, "store the certificates for joining control-plane nodes")
}

// DeleteCertificates deletes all that PutCertificates stored, the Secret first;
// an absent object is success.
func (a *api) DeleteCertificates(ctx context.Context) error {
	if err := a.deleteSecret(ctx, certificatesSecret); err != nil {
		return failed(ctx, err, "delete the certificates for joining control-plane nodes")
	}
	rbac := a.clients.RbacV1()
	err := rbac.RoleBindings(metav1.NamespaceSystem).Delete(ctx, certificatesRole, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return failed(ctx, err, "delete the role binding %s", certificatesRole)
	}
	err = rbac.Roles(metav1.NamespaceSystem).Delete(ctx, certificatesRole, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return failed(ctx, err, "delete the role %s", certificatesRole)
	}
	return nil
}

// Secret returns the data of a Secret of kube-system; nil when there is none.
func (a *api) Secret(ctx context.Context, name string) (map[string][]byte, error) {
	secret, err := a.clients.CoreV1().Secrets(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(ctx, err, "read the Secret kube-system/%s", name)
	}
	if secret.Data == nil {
		return map[string][]byte{}, nil
	}
	return secret.Data, nil
}

// PutSecret stores an Opaque Secret of kube-system with exactly this data.
func (a *api) PutSecret(ctx context.Context, name string, data map[string][]byte) error {
	err := a.putSecret(ctx, name, corev1.SecretTypeOpaque, data)
	return failed(ctx, err, "store the Secret kube-system/%s", name)
}

// DeleteSecret deletes a Secret of kube-system; an absent one is success.
func (a *api) DeleteSecret(ctx context.Context, name string) error {
	return failed(ctx, a.deleteSecret(ctx, name), "delete the Secret kube-system/%s", name)
}

func (a *api) putSecret(ctx context.Context, name string, kind corev1.SecretType, data map[string][]byte) error {
	want := &corev1.Secret{ObjectMeta: systemMeta(name), Type: kind, Data: data}
	return put(ctx, a.clients.CoreV1().Secrets(metav1.NamespaceSystem), want, func(have *corev1.Secret) bool {
		same := equality.Semantic.DeepEqual(have.Data, data)
		have.Data = data
		return !same
	})
}

func (a *api) deleteSecret(ctx context.Context, name string) error {
	err := a.clients.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func systemMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceSystem}
}
