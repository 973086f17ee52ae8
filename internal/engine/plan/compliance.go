package plan

import (
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// storageCondition says whether nodes comply with their storage policies; nil: none has one. It
// is no matter of health: the nodes run, and no apply does anything about it.
func storageCondition(checks *model.HealthChecks) *model.Condition {
	const kind = "StorageCompliant"
	if checks == nil || checks.Storage == nil && checks.StorageError == nil {
		return nil
	}
	if checks.StorageError != nil {
		c := unknownCondition(kind, "NotReadable", checks.StorageError.Error())
		return &c
	}
	var not, unknown []string
	for _, node := range sortedKeys(checks.Storage) {
		switch state := checks.Storage[node]; state {
		case model.StorageCompliant:
		case model.StorageUnknown:
			unknown = append(unknown, node)
		default:
			not = append(not, fmt.Sprintf("%s (%s)", node, state))
		}
	}
	if len(not) == 0 && len(unknown) > 0 {
		c := unknownCondition(kind, "NotChecked", "vCenter has not checked "+model.Listed(unknown)+".")
		return &c
	}
	c := condition(kind, len(not) == 0, "AllCompliant", "NotCompliant",
		"Storage of these nodes is not as their storage policy asks: "+model.Listed(not)+
			". The vSphere Client says why, and applies a policy that has changed again.")
	return &c
}
