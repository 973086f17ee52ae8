package readiness_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/readiness"
)

// The objects of a cluster, without what does not matter here.
const (
	job         = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x, generation: 1}\n"
	started     = "status: {startTime: '2026-01-01T00:00:00Z', active: 1}\n"
	deployment  = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, generation: 1}\n"
	daemonSet   = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x, generation: 2}\n"
	statefulSet = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x, generation: 1}\n"
	claim       = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: x}\n"
	pending     = "status: {phase: Pending}\n"
	onDelete    = "updateStrategy: {type: OnDelete}"
)

// spread is the status of a DaemonSet of which so many of two pods are of its version, and so
// many are available.
func spread(updated, available string) string {
	return "status: {observedGeneration: 2, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: " + updated +
		", numberAvailable: " + available + ", numberReady: " + available + "}\n"
}

// TestVerdicts has what is never ready by kstatus although all is well, what is ready too soon, and
// what fails for good.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	const ready = ""
	for name, c := range map[string]struct {
		object string
		why    string
		failed bool
	}{
		"Job not begun":    {job, "Job not started", false},
		"Job that runs":    {job + started, "Job in progress", false},
		"Job that is done": {job + "status: {succeeded: 1, conditions: [{type: Complete, status: 'True'}]}", ready, false},
		"Job that failed":  {job + "status: {failed: 1, conditions: [{type: Failed, status: 'True'}]}", "Job Failed. failed: 1/1", true},
		"Job that failed for a reason": {job + "status: {failed: 1, conditions: [{type: Failed, status: 'True', reason: DeadlineExceeded}]}",
			"Failed: Job Failed. failed: 1/1, DeadlineExceeded", true},
		"suspended Job":     {job + "spec: {suspend: true}\n", ready, false},
		"suspended CronJob": {"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {suspend: true}\n", ready, false},
		"Deployment":        {deployment + "status: {observedGeneration: 1}", "Replicas: 0/1", false},
		"paused Deployment": {deployment + "spec: {paused: true}\nstatus: {observedGeneration: 1}", ready, false},
		"slow Deployment": {deployment + "status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, conditions: [" +
			"{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]}",
			"InProgress: its progress deadline of 600 s is over, which ends no wait: it may still become ready", false},
		"DaemonSet that is updated":     {daemonSet + spread("1", "2"), "Updated: 1/2", false},
		"DaemonSet for users to update": {daemonSet + "spec: {" + onDelete + "}\n" + spread("1", "2"), ready, false},
		"and one that is not available": {daemonSet + "spec: {" + onDelete + "}\n" + spread("1", "1"), "Available: 1/2", false},
		"DaemonSet not seen yet":        {daemonSet + "spec: {" + onDelete + "}\n", "observedGeneration", false},
		"StatefulSet":                   {statefulSet + "status: {observedGeneration: 1}", "Replicas: 0/1", false},
		"StatefulSet for users": {statefulSet + "spec: {" + onDelete + "}\nstatus: {observedGeneration: 1, replicas: 1, readyReplicas: 1, " +
			"currentRevision: a, updateRevision: b}", ready, false},
		"and one without a pod": {statefulSet + "spec: {" + onDelete + "}\nstatus: {observedGeneration: 1}", "Replicas: 0/1", false},
		"and one that is not ready": {statefulSet + "spec: {replicas: 2, " + onDelete + "}\nstatus: {observedGeneration: 1, replicas: 2, " +
			"readyReplicas: 1}", "Ready: 1/2", false},
		"and one that is not seen yet": {statefulSet + "spec: {" + onDelete + "}\nstatus: {observedGeneration: 0, replicas: 1, readyReplicas: 1}",
			"generation", false},
		"claim that is bound":        {claim + "spec: {storageClassName: fast}\nstatus: {phase: Bound}\n", ready, false},
		"claim that is to be bound":  {claim + "spec: {storageClassName: fast}\n" + pending, "phase: Pending", false},
		"claim that waits for a pod": {claim + "spec: {storageClassName: late}\n" + pending, ready, false},
		"claim of the default class": {claim + pending, ready, false},
		"claim of no class":          {claim + "spec: {storageClassName: ''}\n" + pending, "phase: Pending", false},
		"claim that is lost":         {claim + "spec: {storageClassName: late}\nstatus: {phase: Lost}\n", "phase: Lost", false},
		"Pod that has ended":         {"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nstatus: {phase: Failed}\n", "Failed", true},
		"resource that is not ready": {resource("'False'"), "InProgress: no certificate", false},
		"resource that is":           {resource("'True'"), ready, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := readiness.Judge(object(t, c.object), func() readiness.Classes {
				return readiness.Classes{Waiting: map[string]bool{"late": true}, Default: "late"}
			})
			if v.Ready != (c.why == ready) || v.Failed != c.failed || !strings.Contains(v.Why, c.why) {
				t.Errorf("it is judged %+v", v)
			}
		})
	}
	going := object(t, deployment+"spec: {paused: true}\n")
	_ = unstructured.SetNestedField(going.Object, "2026-01-01T00:00:00Z", "metadata", "deletionTimestamp")
	if v := readiness.Judge(going, nil); v.Ready || !strings.Contains(v.Why, "Terminating") {
		t.Errorf("what is being deleted is judged %+v", v)
	}
}

// resource is one of a definition that tells by a condition whether it is ready.
func resource(status string) string {
	return "apiVersion: example.com/v1\nkind: Certificate\nmetadata: {name: x}\n" +
		"status: {conditions: [{type: Ready, status: " + status + ", message: no certificate}]}\n"
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return o
}
