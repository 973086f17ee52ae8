package readiness

import (
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// Verdict is what an object is judged to be.
type Verdict struct {
	Ready bool
	// Failed says that it does not become ready any more by itself.
	Failed bool
	// Why is why it is not ready.
	Why string
}

// KStatus judges an object as kstatus does, by which Helm waits for the objects of charts.
func KStatus(of *unstructured.Unstructured) Verdict {
	result, err := status.Compute(of)
	if err != nil { // it does not have the form of its kind: that is not for this to say
		return Verdict{Ready: true}
	}
	return Verdict{
		Ready: result.Status == status.CurrentStatus,
		Why:   fmt.Sprintf("%s: %s", result.Status, printable.Line(result.Message, maxLine)),
	}
}

// Classes are the StorageClasses of a cluster, as far as claims for volumes are judged by them.
type Classes struct {
	// Waiting are those that bind a claim once a pod uses it, by name.
	Waiting map[string]bool
	// Default is what claims have that name none; empty: there is none.
	Default string
}

// Judge judges an object by kstatus, but for what kstatus never, or too soon, has as ready although
// all is as its manifest says: what is suspended, paused or left to its user, and claims that no pod
// uses yet. A Job is ready once it has completed. Classes are asked for only where they matter.
func Judge(of *unstructured.Unstructured, classes func() Classes) Verdict {
	if of.GetDeletionTimestamp() != nil {
		return KStatus(of)
	}
	switch of.GroupVersionKind().GroupKind().String() {
	case "Job.batch":
		return job(of)
	case "Deployment.apps":
		if paused, _, _ := unstructured.NestedBool(of.Object, "spec", "paused"); paused {
			return Verdict{Ready: true}
		}
		return deployment(of)
	case "DaemonSet.apps":
		return KStatus(withoutUpdates(of))
	case "StatefulSet.apps":
		return KStatus(withoutRollout(of))
	case "Pod":
		if phase, _, _ := unstructured.NestedString(of.Object, "status", "phase"); phase == "Failed" {
			return Verdict{Failed: true, Why: "Failed: its containers have ended"}
		}
	case "PersistentVolumeClaim":
		if v := KStatus(of); v.Ready || !boundLater(of, classes()) {
			return v
		}
		return Verdict{Ready: true}
	}
	return KStatus(of)
}

// job judges a Job, which kstatus has as ready while it runs.
func job(of *unstructured.Unstructured) Verdict {
	if suspended, _, _ := unstructured.NestedBool(of.Object, "spec", "suspend"); suspended {
		return Verdict{Ready: true}
	}
	v := KStatus(of)
	reason, failed := condition(of, "Failed", "True")
	v.Failed = failed
	if failed && reason != "" { // it may be gone before the cluster is asked for more
		v.Why += ", " + printable.Line(reason, maxLine)
	}
	if _, complete := condition(of, "Complete", "True"); v.Ready && !complete {
		v.Ready = false
	}
	return v
}

// defaultDeadline is the progressDeadlineSeconds of a Deployment that has none.
const defaultDeadline = 600

// deployment judges a Deployment. By kstatus it has failed once its progress deadline is over. Its
// pods may start all the same, as after images that take long to pull.
func deployment(of *unstructured.Unstructured) Verdict {
	v := KStatus(of)
	if reason, _ := condition(of, "Progressing", "False"); v.Ready || reason != "ProgressDeadlineExceeded" {
		return v
	}
	seconds, found, err := unstructured.NestedInt64(of.Object, "spec", "progressDeadlineSeconds")
	if err != nil || !found {
		seconds = defaultDeadline
	}
	v.Why = fmt.Sprintf("InProgress: its progress deadline of %d s is over, which ends no wait: it may still become ready", seconds)
	return v
}

// condition returns the reason of a condition, and whether the object has it with that status.
func condition(of *unstructured.Unstructured, kind, state string) (reason string, has bool) {
	conditions, _, _ := unstructured.NestedSlice(of.Object, "status", "conditions")
	for _, entry := range conditions {
		if c, _ := entry.(map[string]any); c["type"] == kind && c["status"] == state {
			reason, _ = c["reason"].(string)
			return reason, true
		}
	}
	return "", false
}

// withoutUpdates is a DaemonSet as if all of its pods were of its present version, where it makes
// them anew only when its user deletes them.
func withoutUpdates(of *unstructured.Unstructured) *unstructured.Unstructured {
	if kind, _, _ := unstructured.NestedString(of.Object, "spec", "updateStrategy", "type"); kind != "OnDelete" {
		return of
	}
	desired, found, err := unstructured.NestedInt64(of.Object, "status", "desiredNumberScheduled")
	if err != nil || !found {
		return of
	}
	copied := of.DeepCopy()
	_ = unstructured.SetNestedField(copied.Object, desired, "status", "updatedNumberScheduled") // status is a map
	return copied
}

// withoutRollout is a StatefulSet as if none of its pods had to be of its present version, where it
// makes them anew only when its user deletes them. Such a one is ready by kstatus without any pod.
func withoutRollout(of *unstructured.Unstructured) *unstructured.Unstructured {
	if kind, _, _ := unstructured.NestedString(of.Object, "spec", "updateStrategy", "type"); kind != "OnDelete" {
		return of
	}
	replicas, found, err := unstructured.NestedInt64(of.Object, "spec", "replicas")
	if err != nil || !found {
		replicas = 1
	}
	copied := of.DeepCopy()
	_ = unstructured.SetNestedMap(copied.Object, map[string]any{ // spec is a map
		"type": "RollingUpdate", "rollingUpdate": map[string]any{"partition": replicas},
	}, "spec", "updateStrategy")
	return copied
}

// boundLater reports whether a claim gets its volume only once a pod uses it.
func boundLater(claim *unstructured.Unstructured, classes Classes) bool {
	if phase, _, _ := unstructured.NestedString(claim.Object, "status", "phase"); phase == "Lost" {
		return false
	}
	name, named, _ := unstructured.NestedString(claim.Object, "spec", "storageClassName")
	if !named {
		name = classes.Default
	}
	return classes.Waiting[name]
}
