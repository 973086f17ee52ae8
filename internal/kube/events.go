package kube

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

const (
	// eventReporter is who events are said to come from.
	eventReporter = "gantry.io/terraform-provider"
	// maxNote is the API's bound of an event's note, in bytes.
	maxNote = 1024
)

// PostEvent implements model.API. Some clocks stand still from one event to the next, so that
// the time alone would not make a name.
func (a *api) PostEvent(ctx context.Context, event model.ClusterEvent) error {
	regarding := corev1.ObjectReference{APIVersion: "v1", Kind: "Secret", Namespace: metav1.NamespaceSystem, Name: model.SecretCluster}
	namespace := metav1.NamespaceSystem
	if event.Node != "" {
		// As kubelet names its node: `kubectl describe node` looks for that.
		regarding = corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: event.Node, UID: types.UID(event.Node)}
		namespace = metav1.NamespaceDefault
	}
	kind := corev1.EventTypeNormal
	if event.Warning {
		kind = corev1.EventTypeWarning
	}
	_, err := a.clients.EventsV1().Events(namespace).Create(ctx, &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: fmt.Sprintf("%s.%x.%s", regarding.Name, event.Time.UnixNano(), rand.String(5)),
		},
		EventTime:           metav1.NewMicroTime(event.Time),
		ReportingController: eventReporter,
		ReportingInstance:   "gantry",
		Action:              event.Action,
		Reason:              event.Reason,
		Regarding:           regarding,
		Note:                printable.Line(event.Message, maxNote),
		Type:                kind,
	}, metav1.CreateOptions{FieldManager: FieldManager})
	return failed(ctx, err, "write an event")
}
