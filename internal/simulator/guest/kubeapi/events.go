package kubeapi

import (
	"fmt"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// eventProblems checks an event of events.k8s.io/v1 as its validation does.
func eventProblems(o *Object) field.ErrorList {
	var e eventsv1.Event
	if !convert(o, &e) {
		return nil // decodes says why
	}
	var all field.ErrorList
	switch {
	case e.Regarding.Namespace == "" && e.Namespace != metav1.NamespaceDefault && e.Namespace != metav1.NamespaceSystem,
		e.Regarding.Namespace != "" && e.Regarding.Namespace != e.Namespace:
		all = append(all, field.Invalid(field.NewPath("involvedObject", "namespace"), e.Regarding.Namespace, "does not match event.namespace"))
	}
	if e.EventTime.IsZero() {
		all = append(all, field.Required(field.NewPath("eventTime"), ""))
	}
	for _, text := range []struct {
		name, value string
		limit       int
	}{
		{"reportingController", e.ReportingController, 1024}, {"reportingInstance", e.ReportingInstance, 128},
		{"action", e.Action, 128}, {"reason", e.Reason, 128},
	} {
		if text.value == "" {
			all = append(all, field.Required(field.NewPath(text.name), ""))
		}
		if len(text.value) > text.limit {
			all = append(all, field.Invalid(field.NewPath(text.name), "", fmt.Sprintf("can have at most %d characters", text.limit)))
		}
	}
	for _, problem := range validation.IsQualifiedName(e.ReportingController) {
		all = append(all, field.Invalid(field.NewPath("reportingController"), e.ReportingController, problem))
	}
	if len(e.Note) > 1024 {
		all = append(all, field.Invalid(field.NewPath("message"), "", "can have at most 1024 characters"))
	}
	if !contains([]string{"Normal", "Warning"}, e.Type) {
		all = append(all, field.Invalid(field.NewPath("type"), "", "has invalid value: "+e.Type))
	}
	return all
}
