package kubeapi

import (
	"fmt"
	"time"
)

// defaultProgressDeadline is how many seconds a Deployment may get no further.
const defaultProgressDeadline = 600

// progress is how far a Deployment had got, and when.
type progress struct {
	reached string
	at      time.Time
}

func (p *pass) reportDeployment(o *Object, want int64, have tally) {
	w, ok := readWorkload(o)
	if !ok {
		return
	}
	set(o, max(0, want-have.available), "status", "unavailableReplicas")
	if _, unavailable := deploymentStrategy(o, int(want)); have.available >= want-int64(unavailable) && !w.paused {
		p.setCondition(o, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
	} else {
		p.setCondition(o, "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
	}
	switch {
	case w.paused:
		p.setCondition(o, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
	case have.updated == want && have.all == want && have.available == want:
		p.setCondition(o, "Progressing", "True", "NewReplicaSetAvailable", "")
	case p.stalls(o, w.hash, have):
		p.setCondition(o, "Progressing", "False", "ProgressDeadlineExceeded",
			fmt.Sprintf("ReplicaSet %q has timed out progressing.", o.GetName()+"-"+w.hash))
	default:
		p.setCondition(o, "Progressing", "True", "ReplicaSetUpdated", "")
	}
}

// stalls reports whether a Deployment has got no further within its deadline.
func (p *pass) stalls(o *Object, hash string, have tally) bool {
	reached := fmt.Sprint(hash, have)
	if last, known := p.readiness.progress[o.GetUID()]; !known || last.reached != reached {
		p.readiness.progress[o.GetUID()] = progress{reached, time.Now()}
	}
	seconds, ok := at(o, "spec", "progressDeadlineSeconds").(int64)
	if !ok {
		seconds = defaultProgressDeadline
	}
	deadline := p.readiness.progress[o.GetUID()].at.Add(time.Duration(seconds) * readySecond)
	p.at(deadline)
	return !time.Now().Before(deadline)
}
