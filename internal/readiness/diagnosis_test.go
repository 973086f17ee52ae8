package readiness_test

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	ktesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/readiness"
)

// oldJob has failed so long ago that there are no events of it any more.
const oldJob = `
apiVersion: batch/v1
kind: Job
metadata: {namespace: apps, name: migrate, generation: 1}
spec: {selector: {matchLabels: {job: migrate}}}
status:
  startTime: '2026-01-01T00:00:00Z'
  failed: 1
  conditions:
  - {type: Suspended, status: 'False', reason: JobResumed, message: Job resumed}
  - {type: FailureTarget, status: 'True', reason: BackoffLimitExceeded}
  - {type: Failed, status: 'True', reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit}
`

const podOfJob = "metadata: {namespace: apps, name: migrate-x, labels: {job: migrate}}\n" +
	"spec: {initContainers: [{name: first}], containers: [{name: side}, {name: main}]}\n"

// TestWhyAJobFailedLongAgo has Jobs of which no event is left: what they and their pods say of
// themselves is told, and the log of the container that has failed.
func TestWhyAJobFailedLongAgo(t *testing.T) {
	t.Parallel()
	const always = "Job apps/migrate is not ready (Failed: Job Failed. failed: 1/1, BackoffLimitExceeded). " +
		"Its condition Failed is True: BackoffLimitExceeded: Job has reached the specified backoff limit."
	const log = "\nThe last lines of its log:\nfake logs"
	for name, c := range map[string]struct{ pod, want, container string }{
		"no pod": {want: always},
		"a container has ended": {
			podOfJob + "status: {phase: Failed, containerStatuses: [{name: side, state: {terminated: {exitCode: 0, reason: Completed}}}, " +
				"{name: main, restartCount: 2, state: {terminated: {exitCode: 3, reason: Error, message: \"no database\\n\"}}}]}",
			always + " Its pod migrate-x is Failed: main has ended with exit code 3: Error: no database." + log, "main",
		},
		"one ends again and again": {
			podOfJob + "status: {phase: Pending, initContainerStatuses: [{name: first, restartCount: 4, state: {waiting: " +
				"{reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}",
			always + " Its pod migrate-x is Pending: first waits: CrashLoopBackOff; first has ended with exit code 137: OOMKilled." + log,
			"first of before",
		},
		"evicted": {
			podOfJob + "status: {phase: Failed, reason: Evicted, message: 'The node was low on resource: memory.'}",
			always + " Its pod migrate-x is Failed (Evicted: The node was low on resource: memory)." + log, "side",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mapper := meta.NewDefaultRESTMapper(nil)
			mapper.Add(batchv1.SchemeGroupVersion.WithKind("Job"), meta.RESTScopeNamespace)
			var pods []runtime.Object
			if c.pod != "" {
				pod := &corev1.Pod{}
				if err := yaml.Unmarshal([]byte(c.pod), pod); err != nil {
					t.Fatal(err)
				}
				pods = append(pods, pod)
			}
			job := object(t, oldJob)
			clients := fake.NewClientset(pods...)
			cluster := readiness.Cluster{Clients: clients, Dynamic: dynamicfake.NewSimpleDynamicClient(scheme.Scheme, job), Mapper: mapper}
			got := cluster.Explain(t.Context(), []*unstructured.Unstructured{job}, "apps", func(o *unstructured.Unstructured) readiness.Verdict {
				return readiness.Judge(o, func() readiness.Classes { return readiness.Classes{} })
			})
			if got = strings.TrimSpace(got); got != c.want {
				t.Errorf("got %q,\nnot %q", got, c.want)
			}
			if read := logRead(clients.Actions()); read != c.container {
				t.Errorf("the log was read of %q", read)
			}
		})
	}
}

// TestLastEventsAreTold has events of which the newest have no last timestamp, as the scheduler's.
func TestLastEventsAreTold(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 12, minute, 0, 0, time.UTC) }
	event := func(reason string, times corev1.Event) *corev1.Event {
		times.Name, times.Namespace, times.Reason, times.Message = strings.ToLower(reason), "apps", reason, "of minute"
		return &times
	}
	clients := fake.NewClientset(
		event("Twenty", corev1.Event{EventTime: metav1.NewMicroTime(at(20))}),
		event("Ten", corev1.Event{LastTimestamp: metav1.NewTime(at(10))}),
		event("Thirty", corev1.Event{
			EventTime: metav1.NewMicroTime(at(1)), Series: &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(at(30))},
		}),
		event("Five", corev1.Event{LastTimestamp: metav1.NewTime(at(5))}),
	)
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(batchv1.SchemeGroupVersion.WithKind("Job"), meta.RESTScopeNamespace)
	job := object(t, oldJob)
	cluster := readiness.Cluster{Clients: clients, Dynamic: dynamicfake.NewSimpleDynamicClient(scheme.Scheme, job), Mapper: mapper}
	got := cluster.Explain(t.Context(), []*unstructured.Unstructured{job}, "apps", func(o *unstructured.Unstructured) readiness.Verdict {
		return readiness.Judge(o, func() readiness.Classes { return readiness.Classes{} })
	})
	ten, twenty, thirty := strings.Index(got, "Ten: "), strings.Index(got, "Twenty: "), strings.Index(got, "Thirty: ")
	if strings.Contains(got, "Five: ") || ten < 0 || twenty < ten || thirty < twenty {
		t.Errorf("got %q", got)
	}
}

// logRead is the container of which the log was read; empty: none was.
func logRead(actions []ktesting.Action) string {
	for _, action := range actions {
		if read, is := action.(ktesting.GenericAction); is && action.GetSubresource() == "log" {
			options, _ := read.GetValue().(*corev1.PodLogOptions)
			if options.Previous {
				return options.Container + " of before"
			}
			return options.Container
		}
	}
	return ""
}
