package kube

import (
	"cmp"
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// controlPlaneTier selects the static pods that kubeadm writes.
const controlPlaneTier = "tier=control-plane"

// ControlPlanePods lists the static pods of the control plane.
func (a *api) ControlPlanePods(ctx context.Context) ([]model.ControlPlanePod, error) {
	list, err := a.clients.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: controlPlaneTier})
	if err != nil {
		return nil, failed(ctx, err, "list the pods of the control plane")
	}
	var pods []model.ControlPlanePod
	for i := range list.Items {
		if pod := &list.Items[i]; isControlPlanePod(pod) {
			pods = append(pods, fromControlPlanePod(pod))
		}
	}
	slices.SortFunc(pods, func(a, b model.ControlPlanePod) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Component, b.Component))
	})
	return pods, nil
}

// isControlPlanePod reports whether a pod is one of kubelet's mirrors of a static pod:
// labels alone prove nothing, anyone who may make pods in kube-system sets them.
func isControlPlanePod(pod *corev1.Pod) bool {
	component := pod.Labels["component"]
	return slices.Contains(model.ControlPlaneComponents(), component) &&
		pod.Annotations[corev1.MirrorPodAnnotationKey] != "" &&
		pod.Spec.NodeName != "" && pod.Name == component+"-"+pod.Spec.NodeName
}

func fromControlPlanePod(pod *corev1.Pod) model.ControlPlanePod {
	p := model.ControlPlanePod{Node: pod.Spec.NodeName, Component: pod.Labels["component"]}
	p.Message = "its kubelet has not reported it yet"
	for _, condition := range pod.Status.Conditions {
		if condition.Type != corev1.PodReady {
			continue
		}
		if condition.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil {
			p.Ready, p.Message = true, ""
			return p
		}
		said := strings.Trim(condition.Reason+": "+condition.Message, ": ")
		p.Message = printable.Line(cmp.Or(said, "it is not Ready"), maxReason)
	}
	for _, container := range pod.Status.ContainerStatuses {
		// Why a container does not run says more than that it is not ready.
		if waiting := container.State.Waiting; waiting != nil && waiting.Reason != "" {
			p.Message = printable.Line(strings.Trim(waiting.Reason+": "+waiting.Message, ": "), maxReason)
		}
	}
	return p
}
