package kubeapi

import (
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"
)

// coreEvents are those that kubectl lists.
var coreEvents = schema.GroupResource{Resource: "events"}

// defaultBackoffLimit is how many pods of a Job may fail before it does.
const defaultBackoffLimit = 6

// Why a Job has failed.
const (
	backoffReason  = "BackoffLimitExceeded"
	backoffMessage = "Job has reached the specified backoff limit"
)

// runJob is the Job controller, of Jobs of one pod: one that fails is made anew until the Job fails.
func (p *pass) runJob(w workload, pods []*Object) {
	var job batchv1.Job
	if !convert(w.object, &job) {
		return
	}
	suspended := job.Spec.Suspend != nil && *job.Spec.Suspend
	var active, succeeded, failed int64
	for _, pod := range pods {
		switch phase := textAt(pod, "status", "phase"); {
		case phase == "Succeeded":
			succeeded++
		case phase == "Failed":
			failed++
		case suspended:
			p.drop(Pods, pod)
		case !terminating(pod):
			active++
		}
	}
	limit := int64(defaultBackoffLimit)
	if job.Spec.BackoffLimit != nil {
		limit = int64(*job.Spec.BackoffLimit)
	}
	ended := succeeded > 0 || failed > limit || hasEnded(job.Status)
	if !ended && !suspended && active == 0 {
		pod := w.pod(w.object.GetName()+"-"+rand.String(5), w.object)
		labels := pod.GetLabels()
		for name, value := range jobLabels(w.object) {
			labels[name] = value
		}
		pod.SetLabels(labels)
		if p.createPod(pod) {
			active++
		}
	}
	_, _ = p.Change(Jobs, w.object.GetNamespace(), w.object.GetName(), func(o *Object) error {
		p.reportJob(o, suspended, active, succeeded, failed, limit)
		return nil
	})
	switch {
	case succeeded > 0:
		p.tell(w.object, corev1.EventTypeNormal, "Completed", "Job completed")
	case failed > limit:
		p.tell(w.object, corev1.EventTypeWarning, backoffReason, backoffMessage)
	}
	p.expire(w.object, job)
}

// jobLabels are those of the pods of a Job, by which it selects them.
func jobLabels(job *Object) map[string]string {
	return map[string]string{
		batchv1.JobNameLabel: job.GetName(), "job-name": job.GetName(),
		batchv1.ControllerUidLabel: string(job.GetUID()), "controller-uid": string(job.GetUID()),
	}
}

func hasEnded(status batchv1.JobStatus) bool {
	for _, c := range status.Conditions {
		if c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed {
			return true
		}
	}
	return false
}

func (p *pass) reportJob(o *Object, suspended bool, active, succeeded, failed, limit int64) {
	set(o, map[string]any{batchv1.ControllerUidLabel: string(o.GetUID())}, "spec", "selector", "matchLabels")
	now := p.now().UTC().Format(time.RFC3339)
	if suspended {
		p.setCondition(o, "Suspended", "True", "JobSuspended", "Job suspended")
		return
	}
	if textAt(o, "status", "startTime") == "" {
		set(o, now, "status", "startTime")
	}
	for name, count := range map[string]int64{"active": active, "succeeded": succeeded, "failed": failed} {
		set(o, count, "status", name)
	}
	switch {
	case succeeded > 0 && textAt(o, "status", "completionTime") == "":
		set(o, now, "status", "completionTime")
		p.setCondition(o, "Complete", "True", "CompletionsReached", "")
	case succeeded == 0 && failed > limit:
		p.setCondition(o, "Failed", "True", backoffReason, backoffMessage)
	}
}

// expire deletes a Job that is done, as it asks for.
func (p *pass) expire(o *Object, job batchv1.Job) {
	if job.Spec.TTLSecondsAfterFinished == nil || !hasEnded(job.Status) {
		return
	}
	p.drop(Jobs, o)
}

// tell posts an event about an object, once.
func (p *pass) tell(about *Object, kind, reason, message string) {
	name := about.GetName() + "." + string(about.GetUID()) + "." + strings.ToLower(reason)
	if _, err := p.Get(coreEvents, about.GetNamespace(), name); err == nil {
		return
	}
	now := metav1.NewTime(p.now())
	event := mustObject(&corev1.Event{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta: metav1.ObjectMeta{Namespace: about.GetNamespace(), Name: name},
		InvolvedObject: corev1.ObjectReference{
			Kind: about.GetKind(), Namespace: about.GetNamespace(), Name: about.GetName(), UID: about.GetUID(),
		},
		Reason:         reason,
		Message:        message,
		Type:           kind,
		FirstTimestamp: now,
		LastTimestamp:  now,
		Count:          1,
	})
	_, _ = p.Create(coreEvents, event)
}
