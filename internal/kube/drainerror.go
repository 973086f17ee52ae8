package kube

import (
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// DrainError is returned for a node that still holds pods or volumes at the
// end of the drain's timeout.
type DrainError struct {
	Node    string
	Timeout time.Duration
	Pods    []BlockedPod
	Volumes []string // persistent volumes that are still attached
	Err     error    // why it ended: a deadline, a cancelled context, an API that stopped answering
}

// BlockedPod is a pod that has not left its node.
type BlockedPod struct{ Namespace, Name, Reason string }

// listed bounds how many pods or volumes an error names.
const listed = 10

// Error names the pods and volumes that block the drain.
func (e *DrainError) Error() string {
	var held []string
	for _, p := range e.Pods {
		held = append(held, fmt.Sprintf("pod %s/%s: %s", p.Namespace, p.Name, p.Reason))
	}
	for _, v := range e.Volumes {
		held = append(held, fmt.Sprintf("volume %s is still attached", v))
	}
	if len(held) == 0 {
		return fmt.Sprintf("the node %q was not drained within %s: %v", e.Node, e.Timeout, e.Err)
	}
	if more := len(held) - listed; more > 0 {
		held = append(held[:listed], fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("the node %q was not drained within %s; it is cordoned and still holds: %s",
		e.Node, e.Timeout, strings.Join(held, "; "))
}

// Unwrap returns the reason for the drain's end.
func (e *DrainError) Unwrap() error { return e.Err }

// explain returns the message of a refused eviction with its causes, which name
// the disruption budget.
func explain(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return err.Error()
	}
	text := status.Status().Message
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			text = strings.TrimSuffix(text, ".") + ". " + cause.Message
		}
	}
	return text
}
