package plan

import (
	"fmt"
	"maps"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Notes are what the notes of a node's VM say about the cluster: a paragraph
// without an empty line, so that what others write after it can be told apart.
func Notes(spec *model.ClusterSpec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s %q. %s", notesBeginning, spec.Kind, spec.Name, notesAdvice)
	if spec.Description != "" {
		b.WriteString("\nDescription:")
		for line := range strings.Lines(spec.Description) {
			b.WriteString("\n  " + strings.TrimRight(line, "\r\n"))
		}
	}
	if len(spec.Tags) > 0 {
		b.WriteString("\nTags:")
		for _, key := range sortedKeys(spec.Tags) {
			fmt.Fprintf(&b, "\n  %s = %s", key, spec.Tags[key])
		}
	}
	return b.String()
}

const (
	notesBeginning = "Node of the Kubernetes "
	notesAdvice    = "Made by Gantry; change it in Terraform."
)

// MergeNotes puts a paragraph of Notes in the place of the one that the notes of a
// VM begin with. What others have added stays: backup products write there, too.
func MergeNotes(existing, paragraph string) string {
	if strings.TrimSpace(existing) == "" {
		return paragraph
	}
	if !strings.HasPrefix(existing, notesBeginning) {
		return paragraph + "\n\n" + existing
	}
	_, others, found := strings.Cut(existing, "\n\n")
	if !found {
		return paragraph
	}
	return paragraph + "\n\n" + others
}

// descriptionSteps carry a change of the description or the tags to the VMs and to
// the record, which is written last and says that the others are done.
func descriptionSteps(v view) []model.Step {
	rec := v.facts.Record
	if !rec.Found || rec.Description == v.spec.Description && maps.Equal(rec.Tags, v.spec.Tags) {
		return nil
	}
	step := model.UpdateDescription{Cluster: v.spec.Name}
	for _, m := range v.facts.VMs() {
		if m.Marker.LoadBalancer() || v.stays(m) {
			step.VMs = append(step.VMs, m.Ref)
		}
	}
	return []model.Step{step}
}
