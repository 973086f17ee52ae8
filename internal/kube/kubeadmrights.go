package kube

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The rights that kubeadm gives when it makes a cluster, and again at each upgrade
// (cmd/kubeadm/app/cmd/phases/upgrade/apply/bootstraptoken.go of Kubernetes 1.37). A
// cluster that an older kubeadm made lacks what newer ones rely on: from 1.36 on, the
// certificate with which an API server asks kubelets is in no group of administrators
// (kubeadm:apiserver-kubelet-client is the right it has instead), and without it there
// are no logs, no exec and no port-forward through such an API server.
var (
	kubeadmRoles = []namedRole{
		{metav1.NamespaceSystem, "kubeadm:nodes-kubeadm-config", readConfigMap(kubeadmConfigMap)},
		{metav1.NamespaceSystem, "kubeadm:kubelet-config", readConfigMap(kubeletConfigMap)},
		{metav1.NamespacePublic, "kubeadm:bootstrap-signer-clusterinfo", readConfigMap("cluster-info")},
		{"", "kubeadm:get-nodes", rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"nodes"}}},
	}
	kubeadmBindings = []namedBinding{
		{metav1.NamespaceSystem, "kubeadm:nodes-kubeadm-config", "kubeadm:nodes-kubeadm-config", groups(bootstrapGroup, nodesGroup)},
		{metav1.NamespaceSystem, "kubeadm:kubelet-config", "kubeadm:kubelet-config", groups(nodesGroup, bootstrapGroup)},
		{metav1.NamespacePublic, "kubeadm:bootstrap-signer-clusterinfo", "kubeadm:bootstrap-signer-clusterinfo", user("system:anonymous")},
		{"", "kubeadm:get-nodes", "kubeadm:get-nodes", groups(bootstrapGroup)},
		{"", "kubeadm:kubelet-bootstrap", "system:node-bootstrapper", groups(bootstrapGroup)},
		{"", "kubeadm:node-autoapprove-bootstrap", "system:certificates.k8s.io:certificatesigningrequests:nodeclient", groups(bootstrapGroup)},
		{"", "kubeadm:node-autoapprove-certificate-rotation",
			"system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", groups(nodesGroup)},
		{"", "kubeadm:apiserver-kubelet-client", "system:kubelet-api-admin", user("kube-apiserver-kubelet-client")},
	}
)

const nodesGroup = "system:nodes"

// namedRole is a role with one rule; without a namespace it is the cluster's.
type namedRole struct {
	namespace, name string
	rule            rbacv1.PolicyRule
}

// namedBinding gives a role of the same namespace to subjects.
type namedBinding struct {
	namespace, name, role string
	subjects              []rbacv1.Subject
}

func readConfigMap(name string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{name}}
}

func groups(names ...string) []rbacv1.Subject {
	var subjects []rbacv1.Subject
	for _, name := range names {
		subjects = append(subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name})
	}
	return subjects
}

func user(name string) []rbacv1.Subject {
	return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}}
}

// ensureKubeadmRights makes what is missing of kubeadm's roles and bindings, and adds to
// those that exist what they lack. The binding of administrators is not among them: every
// run makes it.
func (a *api) ensureKubeadmRights(ctx context.Context) error {
	for _, role := range kubeadmRoles {
		if err := a.ensureRole(ctx, role); err != nil {
			return failed(ctx, err, "store the role %s", role.name)
		}
	}
	for _, binding := range kubeadmBindings {
		if err := a.ensureBinding(ctx, binding); err != nil {
			return failed(ctx, err, "store the role binding %s", binding.name)
		}
	}
	return nil
}

func (a *api) ensureRole(ctx context.Context, r namedRole) error {
	rules := []rbacv1.PolicyRule{r.rule}
	meta := metav1.ObjectMeta{Namespace: r.namespace, Name: r.name}
	lacks := func(have *[]rbacv1.PolicyRule) bool {
		for _, rule := range *have {
			if equality.Semantic.DeepEqual(rule, r.rule) {
				return false
			}
		}
		*have = append(*have, r.rule)
		return true
	}
	if r.namespace == "" {
		want := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}
		return put(ctx, a.clients.RbacV1().ClusterRoles(), want, func(have *rbacv1.ClusterRole) bool { return lacks(&have.Rules) })
	}
	want := &rbacv1.Role{ObjectMeta: meta, Rules: rules}
	return put(ctx, a.clients.RbacV1().Roles(r.namespace), want, func(have *rbacv1.Role) bool { return lacks(&have.Rules) })
}

func (a *api) ensureBinding(ctx context.Context, b namedBinding) error {
	meta := metav1.ObjectMeta{Namespace: b.namespace, Name: b.name}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: b.role}
	lacks := func(have *[]rbacv1.Subject) bool {
		before := len(*have)
		for _, subject := range b.subjects {
			if !contains(*have, subject) {
				*have = append(*have, subject)
			}
		}
		return len(*have) > before
	}
	if b.namespace == "" {
		ref.Kind = "ClusterRole"
		want := &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: b.subjects}
		all := a.clients.RbacV1().ClusterRoleBindings()
		return put(ctx, all, want, func(have *rbacv1.ClusterRoleBinding) bool { return lacks(&have.Subjects) })
	}
	want := &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: b.subjects}
	return put(ctx, a.clients.RbacV1().RoleBindings(b.namespace), want, func(have *rbacv1.RoleBinding) bool { return lacks(&have.Subjects) })
}

func contains(subjects []rbacv1.Subject, want rbacv1.Subject) bool {
	for _, subject := range subjects {
		if subject.Kind == want.Kind && subject.Name == want.Name {
			return true
		}
	}
	return false
}
