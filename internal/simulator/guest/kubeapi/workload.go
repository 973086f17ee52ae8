package kubeapi

import (
	"fmt"
	"hash/fnv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

func labelSet(m map[string]string) labels.Set { return m }

// workload is what Deployments, DaemonSets and StatefulSets have in common.
type workload struct {
	object   *Object
	replicas int
	selector labels.Selector
	template corev1.PodTemplateSpec
	hash     string
	// minReadySeconds is how long a pod has to be Ready before it counts as available.
	minReadySeconds int
	// onDelete has pods of former templates stay until they are deleted.
	onDelete bool
	// paused has a Deployment do nothing about a new template.
	paused bool
}

func readWorkload(o *Object) (workload, bool) {
	var doc struct {
		Spec struct {
			Replicas *int32 `json:"replicas"`
			MinReady int32  `json:"minReadySeconds"`
			Paused   bool   `json:"paused"`
			Update   struct {
				Type string `json:"type"`
			} `json:"updateStrategy"`
			Selector *metav1.LabelSelector  `json:"selector"`
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	spec, _ := o.Object["spec"].(map[string]any)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"spec": spec}, &doc); err != nil {
		return workload{}, false
	}
	w := workload{object: o, replicas: 1, template: doc.Spec.Template, minReadySeconds: int(doc.Spec.MinReady)}
	w.onDelete = doc.Spec.Update.Type == "OnDelete"
	w.paused = doc.Spec.Paused
	if doc.Spec.Replicas != nil {
		w.replicas = int(*doc.Spec.Replicas)
	}
	if doc.Spec.Selector != nil {
		selector, err := metav1.LabelSelectorAsSelector(doc.Spec.Selector)
		if err != nil {
			return workload{}, false
		}
		w.selector = selector
	}
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, spec["template"]) // maps print in key order
	w.hash = fmt.Sprintf("%08x", h.Sum32())
	return w, true
}

// pod makes a pod of a template.
func (w workload) pod(name string, owner *Object) *Object {
	p := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			Namespace:       w.object.GetNamespace(),
			Annotations:     w.template.Annotations,
			Labels:          map[string]string{},
			OwnerReferences: []metav1.OwnerReference{controllerOf(owner)},
		},
		Spec:   *w.template.Spec.DeepCopy(),
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	for k, v := range w.template.Labels {
		p.Labels[k] = v
	}
	p.Labels["pod-template-hash"] = w.hash
	return mustObject(p)
}

func controllerOf(owner *Object) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{
		APIVersion:         owner.GetAPIVersion(),
		Kind:               owner.GetKind(),
		Name:               owner.GetName(),
		UID:                owner.GetUID(),
		Controller:         &yes,
		BlockOwnerDeletion: &yes,
	}
}

// mustObject turns a typed object into a stored one; that can fail only for
// types that are not Kubernetes'.
func mustObject(typed any) *Object {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		panic("kubeapi: not a Kubernetes object: " + err.Error())
	}
	return &unstructured.Unstructured{Object: m}
}
