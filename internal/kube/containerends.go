package kube

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// How much of a container's log is read, and how much of it is kept.
const (
	logLines   = 40
	logRead    = 16 << 10 // bytes
	logTail    = 2 << 10  // bytes
	maxPodName = 253      // bytes, as Kubernetes has it
)

// ContainerEnds returns why containers of a deployment's present version do not run: that
// of its youngest pod.
func (a *api) ContainerEnds(ctx context.Context, namespace, deployment string) ([]model.ContainerEnd, error) {
	d, err := a.clients.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
	if err != nil {
		return nil, failed(ctx, err, "read the deployment %s/%s", namespace, deployment)
	}
	selector := metav1.FormatLabelSelector(d.Spec.Selector)
	list, err := a.clients.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, failed(ctx, err, "list the pods of the deployment %s/%s", namespace, deployment)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	if len(pods) == 0 {
		return nil, nil
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	present := pods[0].Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	var ends []model.ContainerEnd
	for i := range pods {
		if pod := &pods[i]; pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == present && !podReady(pod) {
			ends = append(ends, a.endsOf(ctx, pod)...)
		}
	}
	return ends, nil
}

func podReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// endsOf are those of one pod; of one that no node takes, what the scheduler says.
func (a *api) endsOf(ctx context.Context, pod *corev1.Pod) []model.ContainerEnd {
	name := printable.Line(pod.Name, maxPodName)
	if pod.Spec.NodeName == "" {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
				return []model.ContainerEnd{{
					Pod:     name,
					Waiting: printable.Line(c.Reason, maxReason),
					Message: printable.Line(c.Message, maxReason),
				}}
			}
		}
		return nil
	}
	var ends []model.ContainerEnd
	for _, status := range pod.Status.ContainerStatuses {
		end := model.ContainerEnd{Pod: name}
		last := cmp.Or(status.State.Terminated, status.LastTerminationState.Terminated)
		switch {
		case last != nil:
			end.ExitCode = last.ExitCode
			end.Message = printable.Line(last.Message, maxReason)
			end.Log = a.logOf(ctx, pod, status.Name, status.State.Terminated == nil)
		case status.State.Waiting != nil:
			end.Waiting = printable.Line(status.State.Waiting.Reason, maxReason)
			end.Message = printable.Line(status.State.Waiting.Message, maxReason)
		default:
			end.Log = a.logOf(ctx, pod, status.Name, false)
		}
		ends = append(ends, end)
	}
	return ends
}

// logOf returns the last lines of a container's log, or of the one before it. A log that
// cannot be read, as where its node is away, is empty.
func (a *api) logOf(ctx context.Context, pod *corev1.Pod, container string, previous bool) string {
	lines := int64(logLines)
	limit := int64(logRead)
	stream, err := a.clients.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: container, Previous: previous, TailLines: &lines, LimitBytes: &limit,
	}).Stream(ctx)
	if err != nil {
		return ""
	}
	defer func() { _ = stream.Close() }()
	text, err := io.ReadAll(io.LimitReader(stream, logRead))
	if err != nil {
		return ""
	}
	return printable.Tail(string(bytes.TrimSpace(text)), logTail)
}
