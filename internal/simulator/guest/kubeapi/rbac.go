package kubeapi

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// User is the sender of a request.
type User struct {
	Name   string
	Groups []string
}

func (u User) in(group string) bool { return contains(u.Groups, group) }

// attributes are what a request wants to do.
type attributes struct {
	verb        string
	group       string
	resource    string // with its subresource: pods/eviction
	namespace   string
	name        string
	nonResource string
}

// allowed reports whether RBAC lets a user do something.
func (s *Store) allowed(u User, a attributes) bool {
	if u.in("system:masters") {
		return true
	}
	if strings.HasPrefix(u.Name, "system:node:") && u.in("system:nodes") {
		// The node authorizer's graph is not modelled; a kubelet here is trusted
		// code of the simulation.
		return a.verb != "deletecollection"
	}
	bindings, _ := s.List(ClusterRoleBindings, "")
	for _, o := range bindings {
		var b rbacv1.ClusterRoleBinding
		if convert(o, &b) && binds(b.Subjects, u) && s.granted(b.RoleRef, "", a) {
			return true
		}
	}
	if a.namespace == "" {
		return false
	}
	bindings, _ = s.List(RoleBindings, a.namespace)
	for _, o := range bindings {
		var b rbacv1.RoleBinding
		if convert(o, &b) && binds(b.Subjects, u) && s.granted(b.RoleRef, a.namespace, a) {
			return true
		}
	}
	return false
}

func convert(o *Object, out any) bool {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, out) == nil
}

func binds(subjects []rbacv1.Subject, u User) bool {
	for _, subject := range subjects {
		switch subject.Kind {
		case rbacv1.UserKind:
			if subject.Name == u.Name {
				return true
			}
		case rbacv1.GroupKind:
			if u.in(subject.Name) {
				return true
			}
		case rbacv1.ServiceAccountKind:
			if u.Name == "system:serviceaccount:"+subject.Namespace+":"+subject.Name {
				return true
			}
		}
	}
	return false
}

func (s *Store) granted(ref rbacv1.RoleRef, namespace string, a attributes) bool {
	resource, where := ClusterRoles, ""
	if ref.Kind == "Role" {
		resource, where = Roles, namespace
	}
	o, err := s.Get(resource, where, ref.Name)
	if err != nil {
		return false
	}
	var role rbacv1.ClusterRole // a Role has the same rules
	if !convert(o, &role) {
		return false
	}
	for _, rule := range role.Rules {
		if matches(rule, a) {
			return true
		}
	}
	return false
}

func matches(rule rbacv1.PolicyRule, a attributes) bool {
	has := func(list []string, word string) bool { return contains(list, "*") || contains(list, word) }
	if !has(rule.Verbs, a.verb) {
		return false
	}
	if a.nonResource != "" {
		for _, path := range rule.NonResourceURLs {
			if path == a.nonResource || (strings.HasSuffix(path, "*") && strings.HasPrefix(a.nonResource, strings.TrimSuffix(path, "*"))) {
				return true
			}
		}
		return false
	}
	if !has(rule.APIGroups, a.group) || !has(rule.Resources, a.resource) {
		return false
	}
	return len(rule.ResourceNames) == 0 || contains(rule.ResourceNames, a.name)
}
