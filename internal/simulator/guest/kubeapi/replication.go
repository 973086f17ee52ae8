package kubeapi

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
)

// runWorkloads creates the pods that workloads need and removes those that
// they no longer need. A new template of other workloads than Deployments replaces all
// pods at once.
func (p *pass) runWorkloads() {
	owned := map[types.UID][]*Object{}
	all, _ := p.List(Pods, "")
	for _, pod := range all {
		if owner := metav1.GetControllerOf(pod); owner != nil {
			owned[owner.UID] = append(owned[owner.UID], pod)
		}
	}
	p.each(Deployments, func(w workload) { p.rollout(w, owned) })
	p.each(StatefulSets, func(w workload) {
		p.scale(w, w.object, owned[w.object.GetUID()], func(i int) string { return fmt.Sprintf("%s-%d", w.object.GetName(), i) })
	})
	p.each(DaemonSets, func(w workload) { p.spread(w, owned[w.object.GetUID()]) })
	p.each(Jobs, func(w workload) { p.runJob(w, owned[w.object.GetUID()]) })
}

func (p *pass) each(r schema.GroupResource, do func(workload)) {
	objects, _ := p.List(r, "")
	for _, o := range objects {
		if w, ok := readWorkload(o); ok && o.GetDeletionTimestamp() == nil {
			do(w)
		}
	}
}

// setName is the name of the ReplicaSet of a Deployment's present template.
func (w workload) setName() string { return w.object.GetName() + "-" + w.hash }

// replicaSet returns the ReplicaSet of a Deployment's present template.
func (p *pass) replicaSet(w workload) *Object {
	name := w.setName()
	if current, err := p.Get(ReplicaSets, w.object.GetNamespace(), name); err == nil {
		return current
	}
	replicas := int32(w.replicas)
	return p.Put(&appsv1.ReplicaSet{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.object.GetNamespace(), Name: name, Labels: w.template.Labels,
			OwnerReferences: []metav1.OwnerReference{controllerOf(w.object)},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: w.template.Labels}, Template: w.template},
	}, ReplicaSets)
}

func (p *pass) drop(r schema.GroupResource, o *Object) {
	uid := o.GetUID()
	_, _ = p.Delete(r, o.GetNamespace(), o.GetName(), metav1.Preconditions{UID: &uid}, nil)
}

// scale brings the number of pods to the workload's replicas.
func (p *pass) scale(w workload, owner *Object, pods []*Object, name func(i int) string) {
	alive := 0
	for _, pod := range pods {
		if pod.GetDeletionTimestamp() != nil {
			continue
		}
		if alive >= w.replicas || !w.onDelete && pod.GetLabels()["pod-template-hash"] != w.hash {
			p.drop(Pods, pod)
			continue
		}
		alive++
	}
	for i := 0; alive < w.replicas && i < 2*w.replicas; i++ {
		if p.createPod(w.pod(name(i), owner)) {
			alive++
		}
	}
}

// createPod creates a controller's pod, unless its service account does not exist:
// admission refuses that, and the controller tries again.
func (p *pass) createPod(pod *Object) bool {
	if account := textAt(pod, "spec", "serviceAccountName"); account != "" {
		if _, err := p.Get(ServiceAccounts, pod.GetNamespace(), account); err != nil {
			return false
		}
	}
	_, err := p.Create(Pods, pod)
	return err == nil
}

// spread keeps one pod of a DaemonSet on each node that takes it.
func (p *pass) spread(w workload, pods []*Object) {
	have := map[string]*Object{}
	for _, pod := range pods {
		node := textAt(pod, "spec", "nodeName")
		if have[node] != nil || !w.onDelete && pod.GetLabels()["pod-template-hash"] != w.hash {
			p.drop(Pods, pod)
			continue
		}
		have[node] = pod
	}
	probe := w.pod("probe", w.object)
	for _, n := range p.nodes {
		fits := p.fits(probe, n, true)
		switch pod := have[n.GetName()]; {
		case fits && pod == nil:
			pod := w.pod(w.object.GetName()+"-"+rand.String(5), w.object)
			set(pod, n.GetName(), "spec", "nodeName")
			p.createPod(pod)
		case !fits && pod != nil:
			p.drop(Pods, pod)
		}
	}
}

// tally is how many pods a workload has.
type tally struct{ all, updated, up, available int64 }

func (t *tally) add(o tally, updated bool) {
	t.all += o.all
	t.up += o.up
	t.available += o.available
	if updated {
		t.updated += o.all
	}
}

// tallies counts the pods of each controller, those of a Deployment's ReplicaSets too.
func (p *pass) tallies() map[types.UID]*tally {
	counts := map[types.UID]*tally{}
	of := func(owner types.UID) *tally {
		if counts[owner] == nil {
			counts[owner] = &tally{}
		}
		return counts[owner]
	}
	all, _ := p.List(Pods, "")
	sets, _ := p.List(ReplicaSets, "")
	minReady := p.minReadySeconds(sets)
	hashes := map[types.UID]string{}
	for _, r := range []schema.GroupResource{StatefulSets, DaemonSets} {
		p.each(r, func(w workload) { hashes[w.object.GetUID()] = w.hash })
	}
	for _, pod := range all {
		owner := metav1.GetControllerOf(pod)
		if owner == nil || terminating(pod) {
			continue
		}
		one := tally{all: 1}
		if ready(pod) {
			one.up = 1
		}
		if p.available(pod, minReady[owner.UID]) {
			one.available = 1
		}
		hash, known := hashes[owner.UID]
		of(owner.UID).add(one, !known || pod.GetLabels()["pod-template-hash"] == hash)
	}
	current := map[string]bool{}
	p.each(Deployments, func(w workload) { current[w.object.GetNamespace()+"/"+w.object.GetName()+"-"+w.hash] = true })
	for _, o := range sets {
		if owner := metav1.GetControllerOf(o); owner != nil {
			of(owner.UID).add(*of(o.GetUID()), current[o.GetNamespace()+"/"+o.GetName()])
		}
	}
	return counts
}

// minReadySeconds returns those of each controller; a ReplicaSet has those of its Deployment.
func (p *pass) minReadySeconds(sets []*Object) map[types.UID]int {
	all := map[types.UID]int{}
	for _, r := range []schema.GroupResource{Deployments, StatefulSets, DaemonSets} {
		p.each(r, func(w workload) { all[w.object.GetUID()] = w.minReadySeconds })
	}
	for _, set := range sets {
		if owner := metav1.GetControllerOf(set); owner != nil {
			all[set.GetUID()] = all[owner.UID]
		}
	}
	return all
}

// workloadStatus writes what became of the pods.
func (p *pass) workloadStatus() {
	counts := p.tallies()
	for _, r := range []schema.GroupResource{Deployments, StatefulSets, DaemonSets} {
		p.each(r, func(w workload) {
			if r == DaemonSets {
				w.replicas = p.desired(w)
			}
			_, _ = p.Change(r, w.object.GetNamespace(), w.object.GetName(), func(o *Object) error {
				have := counts[o.GetUID()]
				if have == nil {
					have = &tally{}
				}
				p.report(o, r, int64(w.replicas), *have)
				return nil
			})
		})
	}
	for _, b := range p.budgets("") {
		_, _ = p.Change(Budgets, b.namespace, b.name, func(o *Object) error {
			set(o, o.GetGeneration(), "status", "observedGeneration")
			set(o, int64(b.expected), "status", "expectedPods")
			set(o, int64(b.healthy), "status", "currentHealthy")
			set(o, int64(b.desired), "status", "desiredHealthy")
			set(o, int64(b.allowed), "status", "disruptionsAllowed")
			return nil
		})
	}
}

func (p *pass) report(o *Object, r schema.GroupResource, want int64, have tally) {
	set(o, o.GetGeneration(), "status", "observedGeneration")
	switch r {
	case DaemonSets:
		for name, n := range map[string]int64{
			"desiredNumberScheduled": want, "currentNumberScheduled": have.all, "updatedNumberScheduled": have.updated,
			"numberReady": have.up, "numberAvailable": have.available, "numberUnavailable": max(0, want-have.available),
			"numberMisscheduled": 0,
		} {
			set(o, n, "status", name)
		}
	default:
		for name, n := range map[string]int64{
			"replicas": have.all, "updatedReplicas": have.updated, "readyReplicas": have.up, "availableReplicas": have.available,
		} {
			set(o, n, "status", name)
		}
		if r == Deployments {
			p.reportDeployment(o, want, have)
		} else {
			reportStatefulSet(o, want, have)
		}
	}
}

// desired is on how many nodes a DaemonSet is to have a pod.
func (p *pass) desired(w workload) int {
	count := 0
	probe := w.pod("probe", w.object)
	for _, n := range p.nodes {
		if p.fits(probe, n, true) {
			count++
		}
	}
	return count
}

// reportStatefulSet says of which revision the pods are: of the former one until all are updated.
func reportStatefulSet(o *Object, want int64, have tally) {
	w, ok := readWorkload(o)
	if !ok {
		return
	}
	revision := o.GetName() + "-" + w.hash
	set(o, revision, "status", "updateRevision")
	if textAt(o, "status", "currentRevision") == "" || have.updated == want && have.all == want && have.up == want {
		set(o, revision, "status", "currentRevision")
	}
	current := have.all - have.updated
	if textAt(o, "status", "currentRevision") == revision {
		current = have.all
	}
	set(o, current, "status", "currentReplicas")
}
