package kube

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// attached lists the persistent volumes that are attached to a node, without
// those of pods that a drain leaves there: they are never detached while the
// node runs.
func (a *api) attached(ctx context.Context, node string) ([]string, error) {
	list, err := a.clients.StorageV1().VolumeAttachments().List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) { // no storage in this API
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var volumes []string
	for _, va := range list.Items {
		if va.Spec.NodeName != node {
			continue
		}
		name := va.Name // an inline volume has no other
		if pv := va.Spec.Source.PersistentVolumeName; pv != nil {
			name = *pv
		}
		volumes = append(volumes, name)
	}
	if len(volumes) == 0 {
		return nil, nil
	}

	used, err := a.inUse(ctx, node)
	if err != nil {
		return nil, err
	}
	volumes = slices.DeleteFunc(volumes, func(v string) bool { return used[v] })
	slices.Sort(volumes)
	return volumes, nil
}

// inUse lists the persistent volumes of the pods on a node.
func (a *api) inUse(ctx context.Context, node string) (map[string]bool, error) {
	pods, err := a.clients.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(),
	})
	if err != nil {
		return nil, err
	}

	used := map[string]bool{}
	for i := range pods.Items {
		for _, claim := range claims(&pods.Items[i]) {
			pvc, err := a.clients.CoreV1().PersistentVolumeClaims(pods.Items[i].Namespace).Get(ctx, claim, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			used[pvc.Spec.VolumeName] = true
		}
	}
	return used, nil
}

// claims names the persistent volume claims of a pod, generic ephemeral volumes
// included.
func claims(pod *corev1.Pod) []string {
	var names []string
	for _, v := range pod.Spec.Volumes {
		switch {
		case v.PersistentVolumeClaim != nil:
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			names = append(names, pod.Name+"-"+v.Name)
		}
	}
	return names
}
