package guest_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

func cni() *appsv1.DaemonSet {
	labels := map[string]string{"app": "cni"}
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "cni", Namespace: "kube-system"},
		Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec: corev1.PodSpec{
				HostNetwork: true,
				Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
				Containers:  []corev1.Container{{Name: "cni", Image: "cni"}},
			},
		}},
	}
}

func deployment(replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web"}}},
			},
		},
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

// TestWorkloads takes a cluster from no CNI to an eviction that a budget blocks.
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
	static, err := c.CoreV1().Pods("kube-system").List(ctx,
		metav1.ListOptions{FieldSelector: "spec.nodeName=cp-1", LabelSelector: "tier=control-plane"})
	if err != nil || len(static.Items) != 4 || static.Items[0].Annotations[corev1.MirrorPodAnnotationKey] == "" {
		t.Errorf("static pods: %v, %v", len(static.Items), err)
	}

	all := intstr.FromInt32(20)
	if _, err := c.PolicyV1().PodDisruptionBudgets("default").Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: &all,
			Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	evict := func() error {
		return c.PolicyV1().Evictions("default").Evict(ctx, &policyv1.Eviction{
			ObjectMeta: metav1.ObjectMeta{Name: pods.Items[0].Name, Namespace: "default"},
		})
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
	// Without its node, the other pods are deleted too.
	if err := c.CoreV1().Nodes().Delete(ctx, on.Spec.NodeName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pods of the deleted node are gone", func() bool {
		left, err := c.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + on.Spec.NodeName})
		return err == nil && len(left.Items) == 0
	})
}
