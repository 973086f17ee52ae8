package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// webhookName is how the API names a webhook that has denied a call, or has failed.
var webhookName = regexp.MustCompile(`webhook "([A-Za-z0-9.-]+)"`)

// phrases are what the API says of why it takes something not, without any value.
var phrases = []string{"field is immutable", "field not declared in schema"}

// noDryRun reports whether a webhook cannot be asked without effects, so that only an apply knows.
func noDryRun(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code == http.StatusBadRequest &&
		strings.Contains(status.Status().Message, "does not support dry run")
}

// whyNot is why an object is not set back, in one line. What the API and webhooks say may have values in it, which may
// be secret, and goes into the plan: of it are only the names of fields and what is known to be none.
func whyNot(err error) string {
	var status apierrors.APIStatus
	why := "there was no answer"
	switch {
	case meta.IsNoMatchError(err):
		why = "the API does not know its kind"
	case errors.As(err, &status):
		why = refusedBy(status.Status())
	case errors.Is(err, context.DeadlineExceeded):
		why = "there was no answer in time"
	}
	return printable.Line(why, maxReason)
}

func refusedBy(s metav1.Status) string {
	why := fmt.Sprintf("the API refuses to set it back: %s", reasonOf(s))
	if name := webhookName.FindStringSubmatch(s.Message); name != nil {
		return fmt.Sprintf("the webhook %s has not let it be set back: %s", name[1], reasonOf(s))
	}
	var more []string
	if s.Details != nil {
		for _, cause := range s.Details.Causes {
			if cause.Field != "" {
				more = append(more, fmt.Sprintf("%s: %s", cause.Field, cause.Type))
			}
		}
		if s.Reason == metav1.StatusReasonNotFound {
			more = append(more, strings.TrimSpace(s.Details.Kind+" "+s.Details.Name))
		}
	}
	for _, phrase := range phrases {
		if strings.Contains(s.Message, phrase) {
			more = append(more, phrase)
		}
	}
	if len(more) == 0 {
		return why
	}
	return fmt.Sprintf("%s (%s)", why, strings.Join(more, ", "))
}

// word is a reason as the API itself has it: that of a webhook may be any text.
var word = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// reasonOf is the reason of a status, or its code where it has none in one word.
func reasonOf(s metav1.Status) string {
	if !word.MatchString(string(s.Reason)) {
		return fmt.Sprintf("HTTP %d", s.Code)
	}
	return string(s.Reason)
}
