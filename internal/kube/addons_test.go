package kube_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

func kubeProxy(image string) *appsv1.DaemonSet {
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-proxy"}}
	set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "kube-proxy", Image: image}}
	return set
}

func coreDNS(image string) *appsv1.Deployment {
	dns := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns"}}
	dns.Spec.Template.Spec = corev1.PodSpec{
		Containers: []corev1.Container{{Name: "sidecar", Image: "x:v1.0.0"}, {Name: "coredns", Image: image}},
		Volumes: []corev1.Volume{{Name: "config-volume", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "coredns"},
			Items:                []corev1.KeyToPath{{Key: "Corefile", Path: "Corefile"}},
		}}}},
	}
	return dns
}

// theirs marks an object as a chart's.
func theirs[T metav1.Object](object T) T {
	object.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
	return object
}

// packed is an object whose image a pack has applied.
func packed[T metav1.Object](object T) T {
	object.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: "gantry", Operation: metav1.ManagedFieldsOperationApply,
		FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{"f:image":{}}}}}}}`),
	}})
	return object
}

func TestUpdateKubeProxyKeepsTheRepository(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set    *appsv1.DaemonSet
		before string // as the facts have it
		want   string
	}{
		"as kubeadm made it": {kubeProxy("registry.k8s.io/kube-proxy:v1.36.3"), "1.36.3", "registry.k8s.io/kube-proxy:v1.37.2"},
		"of a mirror":        {kubeProxy("m.example.com:5000/k8s/kube-proxy:v1.36.3"), "1.36.3", "m.example.com:5000/k8s/kube-proxy:v1.37.2"},
		"newer":              {kubeProxy("registry.k8s.io/kube-proxy:v1.38.0"), "1.38.0", "registry.k8s.io/kube-proxy:v1.38.0"},
		"by digest":          {kubeProxy("registry.k8s.io/kube-proxy:v1.36.3@sha256:aa"), "", "registry.k8s.io/kube-proxy:v1.36.3@sha256:aa"},
		"of no version":      {kubeProxy("localhost:5000/kube-proxy"), "", "localhost:5000/kube-proxy"},
		"of a chart":         {theirs(kubeProxy("registry.k8s.io/kube-proxy:v1.36.3")), "", "registry.k8s.io/kube-proxy:v1.36.3"},
		"of a pack":          {packed(kubeProxy("registry.k8s.io/kube-proxy:v1.36.3")), "", "registry.k8s.io/kube-proxy:v1.36.3"},
	} {
		clients := fake.NewClientset(c.set)
		api := kube.NewForClients(clients)
		if facts, err := api.Kubeadm(t.Context()); err != nil || facts.KubeProxy != c.before {
			t.Errorf("%s: %+v (%v)", name, facts, err)
		}
		if err := api.UpdateKubeProxy(t.Context(), model.AddonImage{Version: "1.37.2"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		set, err := clients.AppsV1().DaemonSets("kube-system").Get(t.Context(), "kube-proxy", metav1.GetOptions{})
		if err != nil || set.Spec.Template.Spec.Containers[0].Image != c.want {
			t.Errorf("%s: %v (%v)", name, set.Spec.Template.Spec.Containers[0].Image, err)
		}
	}
	none := kube.NewForClients(fake.NewClientset())
	err := errors.Join(
		none.UpdateKubeProxy(t.Context(), model.AddonImage{Version: "1.37.2"}),
		none.UpdateCoreDNS(t.Context(), model.AddonImage{Version: "1.14.6"}))
	if err != nil {
		t.Errorf("without any: %v", err)
	}
}

const (
	corefile = ".:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n    ready\n" +
		"    kubernetes cluster.local in-addr.arpa ip6.arpa {\n       pods insecure\n" +
		"       fallthrough in-addr.arpa ip6.arpa\n       ttl 30\n    }\n    prometheus :9153\n" +
		"    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n    cache 30\n    loop\n    reload\n    loadbalance\n}\n"
	// oldCorefile has an option that later versions removed.
	oldCorefile = ".:53 {\n    errors\n    kubernetes cluster.local {\n        upstream\n    }\n" +
		"    proxy . /etc/resolv.conf\n    cache 30\n}\n"
)

// dnsState is what the pods of CoreDNS see.
type dnsState struct{ image, key, corefile string }

func dnsOf(t *testing.T, clients *fake.Clientset) dnsState {
	t.Helper()
	dns, err := clients.AppsV1().Deployments("kube-system").Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := dns.Spec.Template.Spec
	key := pod.Volumes[0].ConfigMap.Items[0].Key
	return dnsState{pod.Containers[1].Image, key, configOf(t, clients, "coredns", key)}
}

func TestUpdateCoreDNS(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(coreDNS("registry.k8s.io/coredns/coredns:v1.12.1"), systemConfigMap("coredns", "Corefile", corefile))
	api := kube.NewForClients(clients)
	if facts, err := api.Kubeadm(t.Context()); err != nil || facts.CoreDNS != "1.12.1" {
		t.Fatalf("%+v (%v)", facts, err)
	}
	for range 2 {
		if err := api.UpdateCoreDNS(t.Context(), model.AddonImage{Version: "1.14.6"}); err != nil {
			t.Fatal(err)
		}
	}
	want := dnsState{"registry.k8s.io/coredns/coredns:v1.14.6", "Corefile", corefile}
	if got := dnsOf(t, clients); got != want {
		t.Errorf("got %+v", got)
	}
}

// What CoreDNS of another version cannot read is not shown to it, wherever the update is
// interrupted, and the next run ends in the same place.
func TestUpdateCoreDNSMigratesItsConfiguration(t *testing.T) {
	t.Parallel()
	objects := func() []runtime.Object {
		return []runtime.Object{coreDNS("r/coredns:v1.3.1"), systemConfigMap("coredns", "Corefile", oldCorefile)}
	}
	const writes = 4
	for k := 1; k <= writes+1; k++ {
		clients := fake.NewClientset(objects()...)
		n, killed := 0, k <= writes
		clients.PrependReactor("update", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
			n++
			if killed && n == k {
				return true, nil, fmt.Errorf("killed at write %d", k)
			}
			return false, nil, nil
		})
		api := kube.NewForClients(clients)
		if err := api.UpdateCoreDNS(t.Context(), model.AddonImage{Version: "1.14.6"}); (err != nil) != killed {
			t.Fatalf("write %d: %v", k, err)
		}
		if killed {
			if got := dnsOf(t, clients); got.image != "r/coredns:v1.3.1" || got.corefile != oldCorefile {
				t.Errorf("killed at write %d, the old version has %+v", k, got)
			}
		}
		killed = false
		if err := api.UpdateCoreDNS(t.Context(), model.AddonImage{Version: "1.14.6"}); err != nil {
			t.Fatal(err)
		}
		got := dnsOf(t, clients)
		if got.image != "r/coredns:v1.14.6" || got.key != "Corefile" || !strings.Contains(got.corefile, "forward . /etc/resolv.conf") ||
			strings.Contains(got.corefile, "upstream") {
			t.Errorf("write %d: ends with %+v", k, got)
		}
		if backup := configOf(t, clients, "coredns", "Corefile-backup"); backup != oldCorefile {
			t.Errorf("write %d: the old configuration is %q", k, backup)
		}
		if k == writes+1 && n != writes {
			t.Errorf("%d writes", n)
		}
	}
}

func TestUpdateCoreDNSThatCannotBe(t *testing.T) {
	t.Parallel()
	for image, words := range map[string]string{
		"r/coredns:v1.11.99": "1.11.99",
		"r/coredns:v1.12.1":  "",
	} {
		clients := fake.NewClientset(coreDNS(image), systemConfigMap("coredns", "Corefile", corefile))
		err := kube.NewForClients(clients).UpdateCoreDNS(t.Context(), model.AddonImage{Version: "1.14.6"})
		if (err != nil) != (words != "") || err != nil && (!strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "by hand")) {
			t.Errorf("%s: %v", image, err)
		}
		if got := dnsOf(t, clients); words != "" && got.image != image {
			t.Errorf("changed to %+v", got)
		}
	}
	for name, dns := range map[string]*appsv1.Deployment{
		"a chart's":       theirs(coreDNS("r/coredns:v1.12.1")),
		"a pack's":        packed(coreDNS("r/coredns:v1.12.1")),
		"a newer one":     coreDNS("r/coredns:v1.15.0"),
		"the same":        coreDNS("r/coredns:v1.14.6"),
		"of no version":   coreDNS("r/coredns:latest"),
		"not kubeadm's 1": {ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns"}},
	} {
		clients := fake.NewClientset(dns)
		if err := kube.NewForClients(clients).UpdateCoreDNS(t.Context(), model.AddonImage{Version: "1.14.6"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, action := range clients.Actions() {
			if action.GetVerb() == "update" {
				t.Errorf("%s is changed", name)
			}
		}
	}
}
