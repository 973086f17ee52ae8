//go:build real

package processes_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// serving is a deployment of two pods with a budget of one, and the count
// of those that are ready.
type serving struct {
	end   context.CancelFunc
	done  chan struct{}
	least int32
}

// serve starts the deployment and begins to count.
func (d *datacenter) serve(w *workspace) *serving {
	d.t.Helper()
	const name = "web"
	api, ctx := d.api(w), d.t.Context()
	labels := map[string]string{"app": name}
	pods := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: name, Image: "registry.k8s.io/pause:3.10.1"}}},
	}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       appsv1.DeploymentSpec{Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: pods},
	}
	if _, err := api.AppsV1().Deployments("default").Create(ctx, deployment, metav1.CreateOptions{}); err != nil {
		d.t.Fatal(err)
	}
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: new(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels},
		},
	}
	if _, err := api.PolicyV1().PodDisruptionBudgets("default").Create(ctx, budget, metav1.CreateOptions{}); err != nil {
		d.t.Fatal(err)
	}
	ready := func(ctx context.Context) (int32, error) {
		got, err := api.AppsV1().Deployments("default").Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return 0, err
		}
		return got.Status.ReadyReplicas, nil
	}
	d.eventually("both pods of the deployment", func(ctx context.Context) error {
		n, err := ready(ctx)
		if err == nil && n != 2 {
			err = fmt.Errorf("%d are ready", n)
		}
		return err
	})
	s := &serving{done: make(chan struct{}), least: 2}
	ctx, s.end = context.WithCancel(ctx)
	go func() {
		defer close(s.done)
		for ctx.Err() == nil {
			if n, err := ready(ctx); err == nil {
				s.least = min(s.least, n)
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return s
}

// stop returns how few pods there were at the worst moment.
func (s *serving) stop() int32 {
	s.end()
	<-s.done
	return s.least
}

func names(nodes []corev1.Node) []string {
	found := make([]string, 0, len(nodes))
	for _, node := range nodes {
		found = append(found, node.Name)
	}
	slices.Sort(found)
	return found
}
