package kube

import (
	"context"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// adminsBinding is the ClusterRoleBinding that kubeadm makes for its admin.conf.
const adminsBinding = pki.AdminGroup

// AdminsBound reports whether the group of administrators has its rights. A member
// of the group may read the binding for as long as it exists.
func (a *api) AdminsBound(ctx context.Context) (bool, error) {
	binding, err := a.clients.RbacV1().ClusterRoleBindings().Get(ctx, adminsBinding, metav1.GetOptions{})
	switch {
	case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, failed(ctx, err, "read the cluster role binding %s", adminsBinding)
	}
	return bindsAdmins(binding), nil
}

// BindAdmins makes the binding of the group of administrators as kubeadm does. One
// that exists and says otherwise is how their rights were taken away: it stays, and
// is an error.
func (a *api) BindAdmins(ctx context.Context) error {
	bindings := a.clients.RbacV1().ClusterRoleBindings()
	_, err := bindings.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: adminsBinding},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: pki.AdminGroup}},
	}, metav1.CreateOptions{FieldManager: FieldManager})
	if !apierrors.IsAlreadyExists(err) {
		return failed(ctx, err, "create the cluster role binding %s", adminsBinding)
	}
	have, err := bindings.Get(ctx, adminsBinding, metav1.GetOptions{})
	if err != nil {
		return failed(ctx, err, "read the cluster role binding %s", adminsBinding)
	}
	if !bindsAdmins(have) {
		return fmt.Errorf("the cluster role binding %s does not give the group %s the role cluster-admin, so that administrators, "+
			"and Gantry as one of them, have no rights; delete it, and apply again to have it made anew", adminsBinding, pki.AdminGroup)
	}
	return nil
}

func bindsAdmins(b *rbacv1.ClusterRoleBinding) bool {
	return b.RoleRef.Kind == "ClusterRole" && b.RoleRef.Name == "cluster-admin" &&
		slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool {
			return s.Kind == rbacv1.GroupKind && s.Name == pki.AdminGroup
		})
}
