package guest

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

const (
	bootstrappers = "system:bootstrappers:kubeadm:default-node-token"
	rbacGroup     = rbacv1.GroupName
)

// populate writes what the API server and kubeadm's later phases write into a
// new cluster.
func (c *cluster) populate(conf *kubeadm.Init) {
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		c.store.Put(&corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}},
			Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
		}, kubeapi.Namespaces)
	}
	c.configMap("kube-system", "kubeadm-config", "ClusterConfiguration", conf.ClusterDocument)
	c.configMap("kube-system", "kubelet-config", "kubelet", cmp.Or(conf.KubeletDocument, defaultKubelet))
	c.configMap("kube-public", "cluster-info", "kubeconfig", kubeapi.ClusterInfo("https://"+c.at.String(), c.caPEM()))
	c.roles()
	c.tokens(conf.Tokens)
	c.addons(conf)
}

func (c *cluster) configMap(namespace, name, key, value string) {
	c.store.Put(&corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string]string{key: value},
	}, kubeapi.ConfigMaps)
}

// roles creates the roles that matter in the simulation.
func (c *cluster) roles() {
	group := func(name string) rbacv1.Subject {
		return rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacGroup, Name: name}
	}
	everything := []rbacv1.PolicyRule{
		{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
		{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
	}
	c.bind("", "cluster-admin", "cluster-admin", everything, group("system:masters"))
	c.bind("", "kubeadm:cluster-admins", "cluster-admin", everything, group("kubeadm:cluster-admins"))
	reads := func(resource, name string) []rbacv1.PolicyRule {
		return []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""},
			Resources: []string{resource}, ResourceNames: []string{name}}}
	}
	const anonymous = "system:anonymous"
	c.bind("kube-public", "kubeadm:bootstrap-signer-clusterinfo", "kubeadm:bootstrap-signer-clusterinfo",
		reads("configmaps", "cluster-info"), rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacGroup, Name: anonymous},
		group("system:authenticated"))
	c.configMap("kube-system", "extension-apiserver-authentication", "client-ca-file", string(c.caPEM()))
	user := func(name string) rbacv1.Subject {
		return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacGroup, Name: name}
	}
	authentication := reads("configmaps", "extension-apiserver-authentication")
	authentication[0].Verbs = []string{"get", "list", "watch"}
	c.bind("kube-system", "system::extension-apiserver-authentication-reader", "extension-apiserver-authentication-reader",
		authentication, user("system:kube-controller-manager"), user("system:kube-scheduler"))
	for role, name := range map[string]string{"kubeadm:nodes-kubeadm-config": "kubeadm-config", "kubeadm:kubelet-config": "kubelet-config"} {
		c.bind("kube-system", role, role, reads("configmaps", name), group(bootstrappers), group("system:nodes"))
	}
	c.bind("", "kubeadm:get-nodes", "kubeadm:get-nodes",
		[]rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"nodes"}}}, group(bootstrappers))
	c.bind("", "kubeadm:kubelet-bootstrap", "system:node-bootstrapper",
		[]rbacv1.PolicyRule{{Verbs: []string{"create", "get", "list", "watch"},
			APIGroups: []string{"certificates.k8s.io"}, Resources: []string{"certificatesigningrequests"}}},
		group(bootstrappers))
}

// bind writes a role with its binding, of a namespace or of the cluster.
func (c *cluster) bind(namespace, binding, role string, rules []rbacv1.PolicyRule, subjects ...rbacv1.Subject) {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	kind := func(k string) metav1.TypeMeta { return metav1.TypeMeta{APIVersion: rbacGroup + "/v1", Kind: k} }
	if namespace == "" {
		c.store.Put(&rbacv1.ClusterRole{TypeMeta: kind("ClusterRole"), ObjectMeta: meta(role), Rules: rules}, kubeapi.ClusterRoles)
		c.store.Put(&rbacv1.ClusterRoleBinding{
			TypeMeta: kind("ClusterRoleBinding"), ObjectMeta: meta(binding), Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacGroup, Kind: "ClusterRole", Name: role},
		}, kubeapi.ClusterRoleBindings)
		return
	}
	c.store.Put(&rbacv1.Role{TypeMeta: kind("Role"), ObjectMeta: meta(role), Rules: rules}, kubeapi.Roles)
	c.store.Put(&rbacv1.RoleBinding{
		TypeMeta: kind("RoleBinding"), ObjectMeta: meta(binding), Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacGroup, Kind: "Role", Name: role},
	}, kubeapi.RoleBindings)
}

// tokens creates the bootstrap tokens of init; without any, kubeadm makes one
// that lives for a day.
func (c *cluster) tokens(tokens []kubeadm.BootstrapToken) {
	if len(tokens) == 0 {
		tokens = []kubeadm.BootstrapToken{{Description: "The default bootstrap token generated by 'kubeadm init'."}}
	}
	for _, t := range tokens {
		if t.Token == "" {
			raw := make([]byte, 11)
			_, _ = rand.Read(raw) // crypto/rand does not fail
			text := hex.EncodeToString(raw)
			t.Token = text[:6] + "." + text[6:]
		}
		id, secret, _ := strings.Cut(t.Token, ".")
		expires := c.world.options.Now().Add(24 * time.Hour)
		switch {
		case t.Expires != nil:
			expires = t.Expires.Time
		case t.TTL != nil:
			expires = c.world.options.Now().Add(t.TTL.Duration)
		}
		data := map[string][]byte{
			"token-id": []byte(id), "token-secret": []byte(secret), "description": []byte(t.Description),
			"auth-extra-groups": []byte(bootstrappers),
		}
		if t.TTL == nil || t.TTL.Duration > 0 {
			data["expiration"] = []byte(expires.UTC().Format(time.RFC3339))
		}
		if len(t.Groups) > 0 {
			data["auth-extra-groups"] = []byte(strings.Join(t.Groups, ","))
		}
		for _, usage := range []string{"signing", "authentication"} {
			if len(t.Usages) == 0 || slices.Contains(t.Usages, usage) {
				data["usage-bootstrap-"+usage] = []byte("true")
			}
		}
		c.store.Put(&corev1.Secret{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-" + id},
			Type:       corev1.SecretTypeBootstrapToken, Data: data,
		}, kubeapi.Secrets)
	}
}

// addons creates the API's Service, kube-proxy and CoreDNS.
func (c *cluster) addons(conf *kubeadm.Init) {
	service := func(namespace, name string, at netip.Addr, port int32) {
		c.store.Put(&corev1.Service{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: corev1.ServiceSpec{ClusterIP: at.String(), Type: corev1.ServiceTypeClusterIP,
				Ports: []corev1.ServicePort{{Port: port, Protocol: corev1.ProtocolTCP}}},
		}, kubeapi.Services)
	}
	skips := func(phase string) bool {
		return slices.Contains(conf.SkipPhases, "addon") || slices.Contains(conf.SkipPhases, "addon/"+phase)
	}
	service("default", "kubernetes", c.service, 443)
	if !skips("kube-proxy") && !conf.NoProxy {
		c.kubeProxy(conf.ImageRepository)
	}
	if !skips("coredns") && !conf.NoDNS {
		dns := c.service
		for range 9 {
			dns = dns.Next()
		}
		service("kube-system", "kube-dns", dns, 53)
		c.coreDNS(conf.ImageRepository)
	}
}
