package guest_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cpi"
	"github.com/gantry/terraform-provider-gantry/internal/testing/cpimanifest"
)

// vcenter is what a cloud provider talks to. It knows every VM.
type vcenter struct{}

func (vcenter) Login(l cpi.Login) error {
	switch {
	case l.Server != "vc.example.com" || l.Port != 443:
		return fmt.Errorf("dial tcp %s:%d: connection refused", l.Server, l.Port)
	case !l.Insecure:
		return fmt.Errorf("x509: certificate signed by unknown authority")
	case l.User != "cpi" || l.Password != "secret":
		return cpi.ErrLogin
	}
	return nil
}

func (vcenter) Instance(_ string, s cpi.Search) (cpi.Instance, error) {
	if len(s.Datacenters) != 1 || s.Datacenters[0] != "dc-1" {
		return cpi.Instance{}, cpi.ErrNoVM
	}
	return cpi.Instance{CPU: 2, MemoryMB: 4096, GuestID: "ubuntu64Guest", Region: s.Region, Zone: s.Zone}, nil
}

// external has the kubelet run for a cloud provider.
func external(t *testing.T, m *machine, arguments ...any) *machine {
	t.Helper()
	m.vm.BIOSUUID = "bios-" + m.vm.Name
	registration := dig(m.kubeadm[len(m.kubeadm)-2], "nodeRegistration")
	registration["kubeletExtraArgs"] = append([]any{document{"name": "cloud-provider", "value": "external"}}, arguments...)
	m.raw["guestinfo.metadata"] = base64.StdEncoding.EncodeToString([]byte(marshal(t, m.metadata)))
	m.raw["guestinfo.metadata.encoding"] = "base64"
	return m
}

var cloudKinds = map[string]string{
	"ServiceAccount": "serviceaccounts", "Secret": "secrets", "ConfigMap": "configmaps", "RoleBinding": "rolebindings",
	"ClusterRoleBinding": "clusterrolebindings", "ClusterRole": "clusterroles", "DaemonSet": "daemonsets",
}

// apply creates the objects of a manifest.
func (s *site) apply(manifest string) {
	s.t.Helper()
	client, err := dynamic.NewForConfig(s.restConfig(vip))
	if err != nil {
		s.t.Fatal(err)
	}
	for text := range strings.SplitSeq(manifest, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(text), &object.Object); err != nil {
			s.t.Fatal(err)
		}
		if object.GetKind() == "" {
			continue // what a test has left out
		}
		of := object.GroupVersionKind().GroupVersion().WithResource(cloudKinds[object.GetKind()])
		strict := metav1.CreateOptions{FieldValidation: "Strict"}
		if _, err := client.Resource(of).Namespace(object.GetNamespace()).Create(s.t.Context(), object, strict); err != nil {
			s.t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// rounds waits until the controllers have gone over everything some times.
func (s *site) rounds(n int) {
	s.t.Helper()
	c := s.clientset(vip).CoreV1()
	for i := range n {
		name := fmt.Sprintf("round-%d", i)
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := c.Namespaces().Create(s.t.Context(), namespace, metav1.CreateOptions{}); err != nil {
			s.t.Fatal(err)
		}
		eventually(s.t, "the controllers see "+name, func() bool {
			_, err := c.ServiceAccounts(name).Get(s.t.Context(), "default", metav1.GetOptions{})
			return err == nil
		})
	}
}

func (s *site) node(name string) *corev1.Node {
	s.t.Helper()
	n, err := s.clientset(vip).CoreV1().Nodes().Get(s.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func uninitialized(n *corev1.Node) bool {
	for _, t := range n.Spec.Taints {
		if t.Key == "node.cloudprovider.kubernetes.io/uninitialized" {
			return t.Value == "true" && t.Effect == corev1.TaintEffectNoSchedule
		}
	}
	return false
}

var nodeIP = document{"name": "node-ip", "value": "10.10.183.11"}

// TestCloudProvider has the field's manifest initialize a node, on a cluster without a
// pod network, and follow its VM.
func TestCloudProvider(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{Cloud: vcenter{}})
	s.joins(external(t, s.first("cp-1", address(11)), nodeIP))
	before := s.node("cp-1")
	if !uninitialized(before) || before.Annotations["alpha.kubernetes.io/provided-node-ip"] != "10.10.183.11" || before.Spec.ProviderID != "" {
		t.Fatalf("registered as %+v, %v", before.Spec, before.Annotations)
	}
	s.apply(cpimanifest.Manifest("vc.example.com:443", "cpi", "secret", true))
	eventually(t, "the node is initialized", func() bool { return !uninitialized(s.node("cp-1")) })
	n := s.node("cp-1")
	labels := n.Labels
	if n.Spec.ProviderID != "vsphere://bios-cp-1" || labels["node.kubernetes.io/instance-type"] != "vsphere-vm.cpu-2.mem-4gb.os-ubuntu" ||
		labels["topology.kubernetes.io/zone"] != "k8s-zone" || labels["failure-domain.beta.kubernetes.io/region"] != "k8s-region" {
		t.Errorf("%q, %v", n.Spec.ProviderID, labels)
	}
	if a := n.Status.Addresses; len(a) != 3 || a[0].Address != "10.10.183.11" || a[2].Address != "cp-1" {
		t.Errorf("addresses %v", a)
	}
	s.rounds(2)
	if got := s.nodeReady("cp-1"); got != corev1.ConditionFalse {
		t.Errorf("the cloud provider's pod counts as a pod network: Ready is %s", got)
	}
	dns, err := s.clientset(vip).CoreV1().Pods("kube-system").List(t.Context(), metav1.ListOptions{LabelSelector: "k8s-app=kube-dns"})
	if err != nil || len(dns.Items) == 0 || dns.Items[0].Spec.NodeName != "" {
		t.Errorf("CoreDNS is scheduled to a node without a network: %v, %v", dns.Items, err)
	}
}

// TestCloudProviderThatCannotWork leaves out, or gets wrong, one of the things that the
// real one needs: the node keeps its taint.
func TestCloudProviderThatCannotWork(t *testing.T) {
	t.Parallel()
	without := func(from, to string) func(string) string {
		return func(manifest string) string {
			before, rest, found := strings.Cut(manifest, from)
			_, after, ended := strings.Cut(rest, to)
			if !found || !ended {
				panic(from)
			}
			return before + to + after
		}
	}
	instead := func(pairs ...string) func(string) string {
		return func(manifest string) string {
			if !strings.Contains(manifest, pairs[0]) {
				panic(pairs[0])
			}
			return strings.NewReplacer(pairs...).Replace(manifest)
		}
	}
	for name, change := range map[string]func(string) string{
		"no service account":          without("apiVersion: v1\nkind: ServiceAccount", "---\n"),
		"no Secret":                   without("apiVersion: v1\nkind: Secret", "---\n"),
		"no ConfigMap":                without("apiVersion: v1\nkind: ConfigMap", "---\n"),
		"no reader of authentication": without("apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding", "---\n"),
		"no binding":                  without("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding", "---\n"),
		"may not lead":                instead("resources: [leases]", "resources: [events]"),
		"may not change nodes":        instead(`resources: [nodes], verbs: ["*"]`, `resources: [nodes], verbs: [get, list, watch]`),
		"may not read Secrets":        instead("resources: [secrets]", "resources: [events]"),
		"wrong password":              instead(`"secret"`, `"wrong"`),
		"a key that is not known":     instead("vc.example.com.username", "vc.example.com.user"),
		"credentials of another":      instead("  vc.example.com.", "  vc2.example.com."),
		"another vCenter":             instead("server: vc.example.com", "server: vc2.example.com"),
		"another datacenter":          instead("[dc-1]", "[dc-2]"),
		"a certificate not trusted":   instead("insecureFlag: true", "insecureFlag: false"),
		"addresses of IPv6":           instead("insecureFlag: true", "insecureFlag: true\n      ipFamily: [ipv6]"),
		"another cloud":               instead("--cloud-provider=vsphere", "--cloud-provider=external"),
		"no configuration":            instead(", --cloud-config=/etc/cloud/vsphere.conf", ""),
		"another file":                instead("--cloud-config=/etc/cloud/vsphere.conf", "--cloud-config=/etc/cloud/other.conf"),
		"an unknown flag":             instead("--v=2", "--vsphere=2"),
		"the taint is not tolerated":  instead("key: node.cloudprovider.kubernetes.io/uninitialized", "key: other"),
		"nor that it is not ready":    instead("key: node.kubernetes.io/not-ready", "key: other"),
		"on no such nodes":            instead("{key: node-role.kubernetes.io/control-plane, operator: Exists}]", "{key: a, operator: Exists}]"),
		"in need of a network":        instead("hostNetwork: true", "hostNetwork: false"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, guest.Options{Cloud: vcenter{}})
			s.joins(external(t, s.first("cp-1", address(11)), nodeIP))
			s.apply(change(cpimanifest.Manifest("vc.example.com:443", "cpi", "secret", false)))
			s.rounds(4)
			if !uninitialized(s.node("cp-1")) {
				t.Error("the node is initialized")
			}
		})
	}
}

// TestAddressesForTheCloudProvider: kubelet without an address has none before the cloud
// provider says it; of a node that holds the VIP that says the wrong one, unless it can
// read what is configured; and it does not take another than kubelet was given.
func TestAddressesForTheCloudProvider(t *testing.T) {
	t.Parallel()
	manifest := cpimanifest.Manifest("vc.example.com:443", "cpi", "secret", false)
	for name, c := range map[string]struct {
		arguments   []any
		packed      bool
		initialized bool
		internal    string
	}{
		"told its address":                 {[]any{nodeIP}, false, true, "10.10.183.11"},
		"told, and the metadata is packed": {[]any{nodeIP}, true, false, "10.10.183.11"},
		"not told":                         {nil, false, true, "10.10.183.11"},
		"not told, and packed":             {nil, true, true, vip},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, guest.Options{Cloud: vcenter{}})
			m := external(t, s.first("cp-1", address(11)), c.arguments...)
			if c.packed {
				clear(m.raw)
			}
			s.joins(m)
			if first := s.node("cp-1").Status.Addresses[0]; (first.Type == corev1.NodeInternalIP) != (c.arguments != nil) {
				t.Errorf("registered with %v", first)
			}
			s.apply(manifest)
			if c.initialized {
				eventually(t, "the node is initialized", func() bool { return !uninitialized(s.node("cp-1")) })
			} else if s.rounds(4); !uninitialized(s.node("cp-1")) {
				t.Error("the node is initialized")
			}
			if a := s.node("cp-1").Status.Addresses[0]; a.Address != c.internal {
				t.Errorf("its address is %v", a)
			}
		})
	}
}
