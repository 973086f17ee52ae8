package readiness

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// The bounds of what is said of objects that do not become ready.
const (
	diagnosisTimeout = 15 * time.Second
	maxObjects       = 3
	maxEvents        = 3
	maxLogLines      = 5
	maxLine          = 300
	maxLog           = 2000
)

// Cluster is the API that is asked why objects are not ready.
type Cluster struct {
	Clients kubernetes.Interface
	Dynamic dynamic.Interface
	Mapper  meta.RESTMapper
}

// diagnosis asks the cluster why objects are not ready.
type diagnosis struct {
	Cluster
	ctx   context.Context //nolint:containedctx // it is as long as the diagnosis
	judge func(*unstructured.Unstructured) Verdict
}

// Explain returns what the cluster says of those of the objects that are not ready, as judge has
// it, in whole sentences; empty where it says nothing. An object without a namespace that has one
// is in the given one.
func (c Cluster) Explain(
	ctx context.Context, objects []*unstructured.Unstructured, namespace string, judge func(*unstructured.Unstructured) Verdict,
) string {
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	d := diagnosis{Cluster: c, ctx: ctx, judge: judge}
	var said []string
	for _, object := range objects {
		if words := d.object(object, namespace); words != "" {
			said = append(said, words)
		}
		if len(said) == maxObjects {
			break
		}
	}
	return strings.Join(said, " ")
}

// object says why one is not ready; empty: it is, or that is not known.
func (d diagnosis) object(of *unstructured.Unstructured, namespace string) string {
	gvk := of.GroupVersionKind()
	mapping, err := d.Mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return ""
	}
	var client dynamic.ResourceInterface = d.Dynamic.Resource(mapping.Resource)
	name := of.GetKind() + " " + of.GetName()
	if mapping.Scope.Name() == "namespace" {
		if of.GetNamespace() != "" {
			namespace = of.GetNamespace()
		}
		client = d.Dynamic.Resource(mapping.Resource).Namespace(namespace)
		name = of.GetKind() + " " + namespace + "/" + of.GetName()
	}
	have, err := client.Get(d.ctx, of.GetName(), metav1.GetOptions{})
	if err != nil {
		return ""
	}
	verdict := d.judge(have)
	if verdict.Ready {
		return ""
	}
	words := fmt.Sprintf("%s is not ready (%s).", name, verdict.Why)
	if condition := falseCondition(have); condition != "" {
		words += " Its condition " + condition + "."
	}
	if events := d.events(namespace, of.GetKind(), of.GetName()); len(events) > 0 {
		words += " Its last events: " + strings.Join(events, "; ") + "."
	}
	for _, pod := range d.pods(have, namespace) {
		if more := d.pod(pod); more != "" {
			words += " " + more
			break // the others are alike
		}
	}
	return words
}

// falseCondition is the first condition that says what is wrong.
func falseCondition(of *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(of.Object, "status", "conditions")
	for _, entry := range conditions {
		c, _ := entry.(map[string]any)
		kind, _ := c["type"].(string)
		bad := c["status"] == "False" && kind != "Suspended" // a Job has that one once it was resumed
		if kind == "Failed" || kind == "ReplicaFailure" || strings.HasSuffix(kind, "Pressure") {
			bad = c["status"] == "True"
		}
		if bad {
			reason, _ := c["reason"].(string)
			message, _ := c["message"].(string)
			return fmt.Sprintf("%s is %v: %s", kind, c["status"], printable.Line(strings.Trim(reason+": "+message, ": ."), maxLine))
		}
	}
	return ""
}

// events are the last ones of an object.
func (d diagnosis) events(namespace, kind, name string) []string {
	list, err := d.Clients.CoreV1().Events(namespace).List(d.ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.kind=" + kind + ",involvedObject.name=" + name,
	})
	if err != nil {
		return nil
	}
	slices.SortStableFunc(list.Items, func(a, b corev1.Event) int { return LastSeen(a).Compare(LastSeen(b)) })
	var said []string
	for _, e := range list.Items[max(0, len(list.Items)-maxEvents):] {
		said = append(said, printable.Line(e.Reason+": "+strings.TrimSuffix(e.Message, "."), maxLine))
	}
	return said
}

// LastSeen is when an event was reported last. The scheduler and others of its kind leave out the
// last timestamp, and note the moment of the first time, and of the last one where there were several.
func LastSeen(e corev1.Event) time.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

// pods are those of a workload that are not ready, and have not come to a good end.
func (d diagnosis) pods(of *unstructured.Unstructured, namespace string) []corev1.Pod {
	labels, found, _ := unstructured.NestedStringMap(of.Object, "spec", "selector", "matchLabels")
	options := metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: labels})}
	switch {
	case of.GetKind() == "Pod":
		options = metav1.ListOptions{FieldSelector: "metadata.name=" + of.GetName()}
	case !found || len(labels) == 0:
		return nil
	}
	list, err := d.Clients.CoreV1().Pods(namespace).List(d.ctx, options)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
	})
}

// pod says what a pod waits for, and what its containers have printed last.
func (d diagnosis) pod(pod corev1.Pod) string {
	var parts []string
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if w := c.State.Waiting; w != nil {
			parts = append(parts, printable.Line(c.Name+" waits: "+strings.Trim(w.Reason+": "+w.Message, ": ."), maxLine))
		}
		if end := cmp.Or(c.State.Terminated, c.LastTerminationState.Terminated); end != nil && end.ExitCode != 0 {
			why := strings.Trim(end.Reason+": "+strings.TrimSpace(end.Message), ": .")
			parts = append(parts, printable.Line(fmt.Sprintf("%s has ended with exit code %d: %s", c.Name, end.ExitCode, why), maxLine))
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			parts = append(parts, printable.Line("it is not scheduled: "+strings.TrimSuffix(c.Message, "."), maxLine))
		}
	}
	parts = append(parts, d.events(pod.Namespace, "Pod", pod.Name)...)
	words := fmt.Sprintf("Its pod %s is %s", pod.Name, pod.Status.Phase)
	if why := strings.Trim(pod.Status.Reason+": "+pod.Status.Message, ": ."); why != "" { // as of one that was evicted
		words += " (" + printable.Line(why, maxLine) + ")"
	}
	if len(parts) > 0 {
		words += ": " + strings.Join(parts, "; ")
	}
	words += "."
	if log := d.log(pod); log != "" {
		words += "\nThe last lines of its log:\n" + log + "\n"
	}
	return words
}

// log are the last lines of the container that has failed, or of the first one.
func (d diagnosis) log(pod corev1.Pod) string {
	lines := int64(maxLogLines)
	options := &corev1.PodLogOptions{TailLines: &lines}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		ended := c.State.Terminated
		if ended != nil && ended.ExitCode != 0 || ended == nil && c.RestartCount > 0 {
			options.Container = c.Name
			options.Previous = c.State.Waiting != nil
			break
		}
	}
	if options.Container == "" && len(pod.Spec.Containers) > 0 {
		options.Container = pod.Spec.Containers[0].Name
	}
	raw, err := d.Clients.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).DoRaw(d.ctx)
	if err != nil {
		return ""
	}
	return printable.Tail(string(bytes.TrimSpace(raw)), maxLog)
}
