package kubeapi

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// readySecond is how long a second of minReadySeconds takes here, in real time: the tests
	// of all that waits for a Deployment would take minutes otherwise.
	readySecond = 10 * time.Millisecond
	// lifeOfRefused is how long an agent runs, and is Ready, before it ends because it could
	// not register.
	lifeOfRefused = 2 * readySecond
)

// readiness is what the controllers and kubelets remember of pods from one pass to the next.
type readiness struct {
	since map[types.UID]time.Time // when a pod was first seen Ready
	ends  map[types.UID]time.Time // when the container of a pod that is Ready ends
	// progress is that of Deployments; those that are gone are few.
	progress map[types.UID]progress
}

func newReadiness() *readiness {
	return &readiness{since: map[types.UID]time.Time{}, ends: map[types.UID]time.Time{}, progress: map[types.UID]progress{}}
}

// observe takes down which pods are Ready, and forgets those that are gone.
func (r *readiness) observe(pods []*Object) {
	since, ends := map[types.UID]time.Time{}, map[types.UID]time.Time{}
	for _, pod := range pods {
		uid := pod.GetUID()
		if end, is := r.ends[uid]; is {
			ends[uid] = end
		}
		if !ready(pod) {
			continue
		}
		since[uid] = time.Now()
		if before, is := r.since[uid]; is {
			since[uid] = before
		}
	}
	r.since, r.ends = since, ends
}

// available reports whether a pod has been Ready for minReadySeconds, as controllers ask
// before they count on it. Without any, one that is about to end is available, too.
func (p *pass) available(pod *Object, minReadySeconds int) bool {
	if !ready(pod) || minReadySeconds == 0 {
		return ready(pod)
	}
	since, seen := p.readiness.since[pod.GetUID()]
	if _, refused := p.readiness.ends[pod.GetUID()]; refused || !seen {
		return false
	}
	at := since.Add(time.Duration(minReadySeconds) * readySecond)
	p.at(at)
	return !time.Now().Before(at)
}

// ended reports whether the container of a pod ends by now that was Ready until then.
func (p *pass) ended(pod *Object) bool {
	end, refused := p.readiness.ends[pod.GetUID()]
	if !refused || !ready(pod) {
		return false
	}
	p.at(end)
	return !time.Now().Before(end)
}

// refused reports whether a pod is that of an agent, or a program, which has ended, and would again.
func (p *pass) refused(pod *Object) bool {
	_, ended := p.readiness.ends[pod.GetUID()]
	return ended && (p.agentLog(pod) != "" || programOf(pod).ends)
}

// starting takes down when the container of a pod will end that starts now.
func (p *pass) starting(pod *Object) {
	delete(p.readiness.ends, pod.GetUID())
	if p.agentLog(pod) != "" {
		p.readiness.ends[pod.GetUID()] = time.Now().Add(lifeOfRefused)
	} else if ran := programOf(pod); ran.ends {
		p.readiness.ends[pod.GetUID()] = time.Now().Add(ran.lasts)
	}
}

// at asks for another pass at a time, unless it has passed.
func (p *pass) at(when time.Time) {
	if when.After(time.Now()) && (p.again.IsZero() || when.Before(p.again)) {
		p.again = when
	}
}
