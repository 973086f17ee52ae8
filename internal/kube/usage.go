package kube

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/resource"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Usage returns what pods request of nodes, and what metrics say that they use.
func (a *api) Usage(ctx context.Context) (model.Usage, error) {
	nodes, err := a.clients.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, failed(ctx, err, "list the nodes")
	}
	usage := model.Usage{}
	for i := range nodes.Items {
		usage[nodes.Items[i].Name] = model.NodeUsage{Allocatable: amountOf(nodes.Items[i].Status.Allocatable)}
	}
	if err := a.addRequests(ctx, usage); err != nil {
		return nil, err
	}
	return usage, a.addMetrics(ctx, usage)
}

// addRequests adds up what pods request that run, or that a node was chosen for. What has
// ended holds nothing.
func (a *api) addRequests(ctx context.Context, usage model.Usage) error {
	options := metav1.ListOptions{Limit: pageSize, FieldSelector: "status.phase!=Succeeded,status.phase!=Failed"}
	err := pages(options, func(options metav1.ListOptions) (metav1.ListInterface, error) {
		pods, err := a.clients.CoreV1().Pods(metav1.NamespaceAll).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			if node, ok := usage[pod.Spec.NodeName]; ok {
				node.Requested = node.Requested.Plus(amountOf(resource.PodRequests(pod, resource.PodResourcesOptions{})))
				usage[pod.Spec.NodeName] = node
			}
		}
		return pods, nil
	})
	if err != nil {
		return failed(ctx, err, "list the pods")
	}
	return nil
}

// metricsPath is where the API that metrics-server and others serve has those of nodes.
const metricsPath = "/apis/metrics.k8s.io/v1beta1/nodes"

// addMetrics adds what nodes use, of those of which there are metrics: a new node has none for
// a minute. Where the API is not there, or what serves it does not answer, there are none.
func (a *api) addMetrics(ctx context.Context, usage model.Usage) error {
	raw, err := a.clients.Discovery().RESTClient().Get().AbsPath(metricsPath).DoRaw(ctx)
	// Who may not read them is refused before the API server looks whether there are any.
	if apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return failed(ctx, err, "read the metrics of nodes")
	}
	var metrics metricsv1beta1.NodeMetricsList
	if err := json.Unmarshal(raw, &metrics); err != nil {
		return failed(ctx, err, "read the metrics of nodes")
	}
	for i := range metrics.Items {
		m := &metrics.Items[i]
		if node, ok := usage[m.Name]; ok {
			node.Used, node.Measured = amountOf(m.Usage), true
			usage[m.Name] = node
		}
	}
	return nil
}

func amountOf(resources corev1.ResourceList) model.Amount {
	return model.Amount{CPU: resources.Cpu().MilliValue(), Memory: resources.Memory().Value()}
}
