package kubeapi

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
)

// rollout is the Deployment controller: pods of a new template come within maxSurge, and
// those of others go within maxUnavailable.
func (p *pass) rollout(w workload, owned map[types.UID][]*Object) {
	if _, err := p.Get(ReplicaSets, w.object.GetNamespace(), w.setName()); err != nil && w.paused {
		return
	}
	current := p.replicaSet(w)
	var fresh, old []*Object
	sets, _ := p.List(ReplicaSets, w.object.GetNamespace())
	for _, set := range sets {
		owner := metav1.GetControllerOf(set)
		pods := slices.DeleteFunc(slices.Clone(owned[set.GetUID()]), terminating)
		switch {
		case owner == nil || owner.UID != w.object.GetUID():
		case set.GetUID() == current.GetUID():
			fresh = pods
		case len(owned[set.GetUID()]) == 0:
			p.drop(ReplicaSets, set)
		default:
			old = append(old, pods...)
		}
	}

	surge, unavailable := deploymentStrategy(w.object, w.replicas)
	total := len(fresh) + len(old)
	room := min(w.replicas-len(fresh), w.replicas+surge-total)
	for range room {
		p.createPod(w.pod(current.GetName()+"-"+rand.String(5), current))
	}
	for i := w.replicas; i < len(fresh); i++ {
		p.drop(Pods, fresh[i])
	}
	p.shrinkOld(w, old, fresh, w.replicas-unavailable)
}

// shrinkOld deletes pods of former templates: first those that do not serve, then as
// many as others make up for.
func (p *pass) shrinkOld(w workload, old, fresh []*Object, minimum int) {
	serving := 0
	for _, pod := range slices.Concat(old, fresh) {
		if p.available(pod, w.minReadySeconds) {
			serving++
		}
	}
	broken := len(fresh)
	for _, pod := range fresh {
		if p.available(pod, w.minReadySeconds) {
			broken--
		}
	}
	spare := len(old) + len(fresh) - minimum - broken
	for _, pod := range old {
		switch {
		case !p.available(pod, w.minReadySeconds) && spare > 0:
			spare--
			p.drop(Pods, pod)
		case p.available(pod, w.minReadySeconds) && serving > minimum:
			serving--
			p.drop(Pods, pod)
		}
	}
}

func terminating(pod *Object) bool { return pod.GetDeletionTimestamp() != nil }

// deploymentStrategy is how many pods a rolling update may have beyond the replicas, and
// how many of these may be missing meanwhile. Recreate lets all of them be.
func deploymentStrategy(o *Object, replicas int) (surge, unavailable int) {
	var d appsv1.Deployment
	if !convert(o, &d) || d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return 0, replicas
	}
	quarter := intstr.FromString("25%")
	up, down := &quarter, &quarter
	if rolling := d.Spec.Strategy.RollingUpdate; rolling != nil {
		up = cmp.Or(rolling.MaxSurge, up)
		down = cmp.Or(rolling.MaxUnavailable, down)
	}
	surge, _ = intstr.GetScaledValueFromIntOrPercent(up, replicas, true)
	unavailable, _ = intstr.GetScaledValueFromIntOrPercent(down, replicas, false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, unavailable
}
