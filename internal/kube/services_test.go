package kube_test

import (
	"fmt"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// TestServices reads those that are reached from outside, however many others there are.
func TestServices(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	put := func(namespace, name string, spec corev1.ServiceSpec, ingress ...corev1.LoadBalancerIngress) {
		c.store.Put(&corev1.Service{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       spec,
			Status:     corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: ingress}},
		}, kubeapi.Services)
	}
	for i := range 501 {
		put("default", fmt.Sprintf("internal-%03d", i), corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP})
	}
	put("default", "metrics", corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{
		{Port: 443, NodePort: 30443, Protocol: corev1.ProtocolUDP},
	}})
	put("default", "ingress", corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{
		{Name: "https", Port: 443, NodePort: 31443}, {Name: "http", Port: 80},
	}}, corev1.LoadBalancerIngress{IP: "10.10.184.10"}, corev1.LoadBalancerIngress{Hostname: "lb.example.com"})

	got, err := c.Services(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []model.Service{
		{Namespace: "default", Name: "ingress", Type: "LoadBalancer", Addresses: []string{"10.10.184.10", "lb.example.com"},
			Ports: []model.ServicePort{
				{Name: "https", Port: 443, NodePort: 31443, Protocol: "TCP"}, {Name: "http", Port: 80, Protocol: "TCP"},
			}},
		{Namespace: "default", Name: "metrics", Type: "NodePort", Ports: []model.ServicePort{
			{Port: 443, NodePort: 30443, Protocol: "UDP"},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestUsage adds up what pods request that run or are about to, and takes what is used from
// metrics, of the nodes that have some.
func TestUsage(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	list := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	}
	for i := range 1100 {
		phase := corev1.PodRunning
		if i >= 1000 {
			phase = corev1.PodSucceeded
		}
		always := corev1.ContainerRestartPolicyAlways
		c.store.Put(&corev1.Pod{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("app-%04d", i)},
			Spec: corev1.PodSpec{
				NodeName: "w-1",
				InitContainers: []corev1.Container{
					{Name: "first", Resources: corev1.ResourceRequirements{Requests: list("3m", "1Ki")}},
					{Name: "sidecar", RestartPolicy: &always, Resources: corev1.ResourceRequirements{Requests: list("1m", "1Ki")}},
				},
				Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: list("1m", "2Ki")}}},
			},
			Status: corev1.PodStatus{Phase: phase},
		}, kubeapi.Pods)
	}
	usage, err := c.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The larger of the init container and the others with the sidecar.
	if want := (model.Amount{CPU: 3000, Memory: 3 << 20 * 1000 / 1024}); usage["w-1"].Requested != want {
		t.Errorf("pods request %+v, want %+v", usage["w-1"].Requested, want)
	}
	if usage["w-1"].Measured || usage["w-2"].Measured || len(usage) != 2 {
		t.Errorf("without metrics: %+v", usage)
	}

	metrics := schema.GroupResource{Group: "metrics.k8s.io", Resource: "nodes"}
	c.serveMetrics(t)
	c.store.Put(&metricsv1beta1.NodeMetrics{
		TypeMeta:   metav1.TypeMeta{APIVersion: "metrics.k8s.io/v1beta1", Kind: "NodeMetrics"},
		ObjectMeta: metav1.ObjectMeta{Name: "w-1"},
		Usage:      list("1500m", "2Gi"),
	}, metrics)
	if usage, err = c.Usage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := usage["w-1"]; !n.Measured || n.Used != (model.Amount{CPU: 1500, Memory: 2 << 30}) {
		t.Errorf("with metrics: %+v", n)
	}
	if usage["w-2"].Measured || usage.Total().Measured {
		t.Errorf("a node without metrics: %+v, in all %+v", usage["w-2"], usage.Total())
	}
}

// serveMetrics has the cluster serve metrics of nodes, as metrics-server does.
func (c *cluster) serveMetrics(t *testing.T) {
	t.Helper()
	definition := `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: nodes.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  scope: Cluster
  names: {plural: nodes, singular: node, kind: NodeMetrics, listKind: NodeMetricsList}
  versions:
  - {name: v1beta1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`
	if _, err := c.Apply(t.Context(), manifests(definition)); err != nil {
		t.Fatal(err)
	}
}
