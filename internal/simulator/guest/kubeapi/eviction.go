package kubeapi

import (
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// evict deletes a pod unless a disruption budget says no.
func (r *request) evict(w http.ResponseWriter) error {
	raw, err := r.body()
	if err != nil {
		return err
	}
	var eviction policyv1.Eviction
	if raw.GetKind() != "Eviction" || !convert(raw, &eviction) {
		return apierrors.NewBadRequest("the body is not an Eviction")
	}
	// Two evictions that both check before either deletes would violate a budget.
	r.evictions.Lock()
	defer r.evictions.Unlock()
	pod, err := r.store.Get(Pods, r.namespace, r.name)
	if err != nil {
		return err
	}
	for _, budget := range r.store.budgets(r.namespace) {
		if !budget.covers(pod) || !ready(pod) {
			continue
		}
		if budget.allowed < 1 {
			refusal := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
			refusal.ErrStatus.Details.Causes = append(refusal.ErrStatus.Details.Causes, metav1.StatusCause{
				Type: policyv1.DisruptionBudgetCause,
				Message: fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently",
					budget.name, budget.desired, budget.healthy),
			})
			return refusal
		}
	}
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{}}
	if eviction.DeleteOptions != nil {
		options = *eviction.DeleteOptions
		if len(options.DryRun) > 0 {
			reply(w, http.StatusCreated, success())
			return nil
		}
		if options.Preconditions == nil {
			options.Preconditions = &metav1.Preconditions{}
		}
	}
	if _, err := r.remove(r.namespace, r.name, options); err != nil {
		return err
	}
	reply(w, http.StatusCreated, success())
	return nil
}

func success() metav1.Status {
	return metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess}
}

// budget is a pod disruption budget with what it comes to now.
type budget struct {
	namespace, name                     string
	covers                              func(*Object) bool
	expected, healthy, desired, allowed int
}

func (s *Store) budgets(namespace string) []budget {
	var all []budget
	objects, _ := s.List(Budgets, namespace)
	for _, o := range objects {
		var pdb policyv1.PodDisruptionBudget
		if !convert(o, &pdb) {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
		if err != nil {
			continue
		}
		b := budget{namespace: pdb.Namespace, name: pdb.Name, covers: func(p *Object) bool {
			return p.GetNamespace() == o.GetNamespace() && selector.Matches(labelSet(p.GetLabels()))
		}}
		pods, _ := s.List(Pods, o.GetNamespace())
		for _, p := range pods {
			if b.covers(p) {
				b.expected++
				if ready(p) && p.GetDeletionTimestamp() == nil {
					b.healthy++
				}
			}
		}
		switch {
		case pdb.Spec.MinAvailable != nil:
			b.desired = scaled(pdb.Spec.MinAvailable, b.expected)
		case pdb.Spec.MaxUnavailable != nil:
			b.desired = max(0, b.expected-scaled(pdb.Spec.MaxUnavailable, b.expected))
		}
		b.allowed = max(0, b.healthy-b.desired)
		all = append(all, b)
	}
	return all
}

func scaled(v *intstr.IntOrString, total int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(v, total, true)
	if err != nil {
		return total
	}
	return n
}

// ready reports whether a pod's or a node's condition Ready is true.
func ready(o *Object) bool {
	status, _ := o.Object["status"].(map[string]any)
	conditions, _ := status["conditions"].([]any)
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == "Ready" {
			return m["status"] == "True"
		}
	}
	return false
}

// stuck reports whether a pod that is to be deleted gracefully stays, because
// the kubelet that would stop it is gone.
func (s *Store) stuck(pod *Object) bool {
	spec, _ := pod.Object["spec"].(map[string]any)
	name, _ := spec["nodeName"].(string)
	if name == "" {
		return false
	}
	node, err := s.get(Nodes, "", name) // the caller holds the store
	if err != nil {
		return false
	}
	var n corev1.Node
	if !convert(node, &n) {
		return false
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionUnknown
		}
	}
	return false
}
