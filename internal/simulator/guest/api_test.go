package guest_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// request asks the API without client-go.
func (s *site) request(cert *tls.Certificate, bearer, path string, header ...string) (int, string) {
	s.t.Helper()
	proxy, err := url.Parse(s.world.ProxyURL())
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.ca.cert)
	conf := &tls.Config{RootCAs: roots}
	if cert != nil {
		conf.Certificates = []tls.Certificate{*cert}
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: conf, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://"+vip+":6443"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(1, 0)
	admin := s.ca.client(t, "admin", "system:masters")
	plain := s.ca.client(t, "somebody")
	kubeadmAdmin := s.ca.client(t, "kubernetes-admin", "kubeadm:cluster-admins")
	stranger := newAuthority(t, true).client(t, "admin", "system:masters")
	const nodes, certs, info = "/api/v1/nodes", "/api/v1/namespaces/kube-system/secrets/kubeadm-certs", "/api/v1/namespaces/kube-public/configmaps/cluster-info"
	for _, c := range []struct {
		who    string
		cert   *tls.Certificate
		bearer string
		path   string
		want   int
	}{
		{"admin", &admin, "", nodes, 200},
		{"admin of kubeadm", &kubeadmAdmin, "", nodes, 200},
		{"somebody", &plain, "", nodes, 403},
		{"stranger", &stranger, "", nodes, 401},
		{"anonymous", nil, "", nodes, 403},
		{"anonymous", nil, "", "/api", 403},
		{"anonymous", nil, "", info, 200},
		{"anonymous", nil, "", "/healthz", 200},
		{"anonymous", nil, "", "/livez", 200},
		{"anonymous", nil, "", "/readyz", 200},
		{"anonymous", nil, "", "/version", 200},
		{"token", nil, token, certs, 200},
		{"token", nil, token, nodes, 403},
		{"token", nil, token, "/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef", 403},
		{"token", nil, token, "/api/v1/namespaces/kube-system/secrets", 403},
		{"bad token", nil, "abcdef.0000000000000000", info, 401},
		{"admin", &admin, "", "/api/v1/things", 404},
		{"admin", &admin, "", "/apis/nothing.example.com/v1", 404},
		{"admin", &admin, "", "/nothing", 404},
	} {
		if code, body := s.request(c.cert, c.bearer, c.path); code != c.want {
			t.Errorf("%s on %s: %d, want %d: %s", c.who, c.path, code, c.want, body)
		}
	}
	if code, _ := s.request(&admin, "", nodes, "Accept", "application/vnd.kubernetes.protobuf"); code != http.StatusNotAcceptable {
		t.Errorf("protobuf only: %d", code)
	}
	if code, body := s.request(&admin, "", nodes, "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"); code != 200 || !strings.Contains(body, `"NodeList"`) {
		t.Errorf("table: %d %s", code, body)
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	s.putToken(time.Now().Add(-time.Second))
	if code, _ := s.request(nil, token, "/version"); code != http.StatusUnauthorized {
		t.Errorf("expired token: %d", code)
	}
}

func cni() *appsv1.DaemonSet {
	labels := map[string]string{"app": "cni"}
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "cni", Namespace: "kube-system"},
		Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec: corev1.PodSpec{
				HostNetwork: true, Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
				Containers: []corev1.Container{{Name: "cni", Image: "cni"}},
			},
		}},
	}
}

func deployment(replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"},
		Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web"}}},
		}},
	}
}

func available(c kubernetes.Interface, t *testing.T) bool {
	d, err := c.AppsV1().Deployments("default").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, cond := range d.Status.Conditions {
		if cond.Type == appsv1.DeploymentAvailable {
			return cond.Status == corev1.ConditionTrue
		}
	}
	return false
}

// TestWorkloads goes from a cluster without a CNI to an eviction that a budget
// stops.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(1, 2)
	c := s.clientset(vip)
	ctx := t.Context()
	if _, err := c.AppsV1().Deployments("default").Create(ctx, deployment(20), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pods wait for a node that takes them", func() bool {
		waiting, err := c.CoreV1().Pods("default").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName="})
		return err == nil && len(waiting.Items) == 20
	})
	if available(c, t) {
		t.Fatal("a deployment is available on nodes without a CNI")
	}
	if _, err := c.AppsV1().DaemonSets("kube-system").Create(ctx, cni(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cp-1", "w-1", "w-2"} {
		eventually(t, name+" is ready", func() bool { return s.nodeReady(name) == corev1.ConditionTrue })
	}
	eventually(t, "the deployment is available", func() bool { return available(c, t) })

	pods, err := c.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
	if err != nil || len(pods.Items) != 20 {
		t.Fatalf("pods: %d, %v", len(pods.Items), err)
	}
	for _, p := range pods.Items {
		if !strings.HasPrefix(p.Spec.NodeName, "w-") {
			t.Errorf("pod %s is on %s, over its taint", p.Name, p.Spec.NodeName)
		}
	}
	static, err := c.CoreV1().Pods("kube-system").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=cp-1", LabelSelector: "tier=control-plane"})
	if err != nil || len(static.Items) != 4 || static.Items[0].Annotations[corev1.MirrorPodAnnotationKey] == "" {
		t.Errorf("static pods: %v, %v", len(static.Items), err)
	}

	all := intstr.FromInt32(20)
	if _, err := c.PolicyV1().PodDisruptionBudgets("default").Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: &all, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	evict := func() error {
		return c.PolicyV1().Evictions("default").Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pods.Items[0].Name, Namespace: "default"}})
	}
	if err := evict(); !apierrors.IsTooManyRequests(err) {
		t.Fatalf("eviction against a budget: %v", err)
	}
	if err := c.PolicyV1().PodDisruptionBudgets("default").Delete(ctx, "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := evict(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the evicted pod is replaced", func() bool {
		_, err := c.CoreV1().Pods("default").Get(ctx, pods.Items[0].Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err) && available(c, t)
	})

	// A pod on a machine that is off terminates and stays; forced, it goes.
	pods, err = c.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
	if err != nil {
		t.Fatal(err)
	}
	on := pods.Items[0]
	s.world.PowerOff("vm-" + on.Spec.NodeName)
	eventually(t, "the node is unknown", func() bool { return s.nodeReady(on.Spec.NodeName) == corev1.ConditionUnknown })
	if err := c.CoreV1().Pods("default").Delete(ctx, on.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if p, err := c.CoreV1().Pods("default").Get(ctx, on.Name, metav1.GetOptions{}); err != nil || p.DeletionTimestamp == nil {
		t.Errorf("a pod on a dead node: %v", err)
	}
	zero := int64(0)
	if err := c.CoreV1().Pods("default").Delete(ctx, on.Name, metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CoreV1().Pods("default").Get(ctx, on.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a pod that was deleted by force: %v", err)
	}
	// Without its node, the rest goes too.
	if err := c.CoreV1().Nodes().Delete(ctx, on.Spec.NodeName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pods of the deleted node are gone", func() bool {
		left, err := c.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + on.Spec.NodeName})
		return err == nil && len(left.Items) == 0
	})
}

func TestPatches(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(1, 1)
	ctx := t.Context()
	nodes := s.clientset(vip).CoreV1().Nodes()
	patch := func(kind types.PatchType, body string, options metav1.PatchOptions) *corev1.Node {
		t.Helper()
		n, err := nodes.Patch(ctx, "w-1", kind, []byte(body), options)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		return n
	}
	if n := patch(types.MergePatchType, `{"metadata":{"labels":{"a":"1","b":"2"}},"status":{"nodeInfo":{"kubeletVersion":"v9"}}}`, metav1.PatchOptions{}); n.Labels["a"] != "1" || n.Status.NodeInfo.KubeletVersion == "v9" {
		t.Errorf("merge: labels %v, version %s", n.Labels, n.Status.NodeInfo.KubeletVersion)
	}
	if n := patch(types.JSONPatchType, `[{"op":"remove","path":"/metadata/labels/a"}]`, metav1.PatchOptions{}); n.Labels["a"] != "" || n.Labels["b"] != "2" {
		t.Errorf("JSON patch: labels %v", n.Labels)
	}
	// Taints have no merge key: a strategic patch replaces the list.
	if n := patch(types.StrategicMergePatchType, `{"spec":{"unschedulable":true,"taints":[{"key":"t","value":"v","effect":"NoSchedule"}]}}`, metav1.PatchOptions{}); !n.Spec.Unschedulable || n.Spec.Taints[0].Key != "t" {
		t.Errorf("strategic: %+v", n.Spec)
	}
	apply := metav1.PatchOptions{FieldManager: "gantry"}
	patch(types.ApplyPatchType, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"w-1","labels":{"c":"3","d":"4"}}}`, apply)
	if n := patch(types.ApplyPatchType, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"w-1","labels":{"c":"3"}}}`, apply); n.Labels["c"] != "3" || n.Labels["d"] != "" || n.Labels["b"] != "2" {
		t.Errorf("apply: labels %v", n.Labels)
	}
	for body, want := range map[string]string{
		`{"metadata":{"labels":{"bad key":"x"}}}`:                                                   "metadata.labels",
		`{"spec":{"taints":[{"key":"a","effect":"Sometimes"}]}}`:                                    "Unsupported value",
		`{"spec":{"taints":[{"key":"a","effect":"NoSchedule"},{"key":"a","effect":"NoSchedule"}]}}`: "Duplicate value",
		`{"metadata":{"resourceVersion":"1"}}`:                                                      "has been modified",
		`{"spec":{"unschedulable":"yes"}}`:                                                          "cannot be handled",
	} {
		if _, err := nodes.Patch(ctx, "w-1", types.MergePatchType, []byte(body), metav1.PatchOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func TestNamespacesAndCustomResources(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	ctx := t.Context()
	c := s.clientset(vip)
	d, err := dynamic.NewForConfig(s.restConfig(vip))
	if err != nil {
		t.Fatal(err)
	}
	object := func(yaml map[string]any) *unstructured.Unstructured { return &unstructured.Unstructured{Object: yaml} }
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	things := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "things"}
	thing := object(map[string]any{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": map[string]any{"name": "one"}, "spec": map[string]any{"size": int64(1)}})
	if _, err := d.Resource(things).Namespace("default").Create(ctx, thing, metav1.CreateOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("before its definition: %v", err)
	}
	if _, err := d.Resource(crds).Create(ctx, object(map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "things.example.com"},
		"spec": map[string]any{
			"group": "example.com", "scope": "Namespaced", "names": map[string]any{"plural": "things", "kind": "Thing"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}}}},
		},
	}), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Resource(things).Namespace("nowhere").Create(ctx, thing, metav1.CreateOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("in a namespace that is not there: %v", err)
	}
	if _, err := c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w, err := d.Resource(things).Namespace("team").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if _, err := d.Resource(things).Namespace("team").Create(ctx, thing, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Resource(things).Namespace("team").Create(ctx, thing, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("twice: %v", err)
	}
	resources, err := c.Discovery().ServerResourcesForGroupVersion("example.com/v1")
	if err != nil || len(resources.APIResources) != 2 {
		t.Errorf("discovery: %v, %v", resources, err)
	}
	if err := c.CoreV1().Namespaces().Delete(ctx, "team", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []watch.EventType{watch.Added, watch.Deleted} {
		select {
		case e := <-w.ResultChan():
			if e.Type != want {
				t.Errorf("event %s, want %s", e.Type, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no event %s", want)
		}
	}
}

func TestTypedClientsAreHeldToTheirTypes(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	c := s.clientset(vip)
	rest := c.AppsV1().RESTClient()
	post := func(body string) error {
		return rest.Post().Namespace("default").Resource("deployments").Param("fieldValidation", "Strict").
			SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(t.Context()).Error()
	}
	const head = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":`
	for body, want := range map[string]string{
		head + `{"replica":1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"y"}]}}}}`: "unknown field",
		head + `{"selector":{"matchLabels":{"a":"c"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"y"}]}}}}`:             "does not match template",
		head + `{"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"y"}]}}}}`:                                                  "spec.selector",
		`{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"x"}}`:                                                                                      "does not match the kind",
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"X_"}}`:                                                                                    "metadata.name",
	} {
		if err := post(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}
