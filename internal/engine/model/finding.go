package model

import (
	"fmt"
	"slices"
	"strings"
)

// Finding is something about a spec that a user should know. The same finding
// about several fields is one.
type Finding struct {
	Fields  []Field
	Summary string
	Detail  string // what was looked for, where, what exists instead, what to do
	// Contested: what is in the way may be the former self of what is planned.
	Contested bool
	// NoRoom: nothing can be put on the placement of the fields now. That is no problem where
	// nodes may go to another one.
	NoRoom bool
}

// NewFinding makes a finding about one field.
func NewFinding(field Field, summary, detail string, args ...any) Finding {
	return Finding{Fields: []Field{field}, Summary: summary, Detail: fmt.Sprintf(detail, args...)}
}

// String is the finding in one line.
func (f Finding) String() string {
	names := make([]string, len(f.Fields))
	for i, field := range f.Fields {
		names[i] = field.String()
	}
	return fmt.Sprintf("%s: %s: %s", strings.Join(names, "; "), f.Summary, f.Detail)
}

// Findings are what planning found out: problems keep a plan from being applied,
// warnings do not.
type Findings struct {
	Problems []Finding
	Warnings []Finding
}

// Refuse adds a problem with a field.
func (f *Findings) Refuse(field Field, summary, detail string, args ...any) {
	f.Problems = merge(f.Problems, NewFinding(field, summary, detail, args...))
}

// Contest is Refuse where what is in the way may be the former self of what is planned.
func (f *Findings) Contest(field Field, summary, detail string, args ...any) {
	finding := NewFinding(field, summary, detail, args...)
	finding.Contested = true
	f.Problems = merge(f.Problems, finding)
}

// RefuseFull is Refuse where nothing can be put on a placement now.
func (f *Findings) RefuseFull(field Field, summary, detail string, args ...any) {
	finding := NewFinding(field, summary, detail, args...)
	finding.NoRoom = true
	f.Problems = merge(f.Problems, finding)
}

// Warn adds a warning about a field.
func (f *Findings) Warn(field Field, summary, detail string, args ...any) {
	f.Warnings = merge(f.Warnings, NewFinding(field, summary, detail, args...))
}

// Add takes over other findings.
func (f *Findings) Add(other Findings) {
	for _, problem := range other.Problems {
		f.Problems = merge(f.Problems, problem)
	}
	for _, warning := range other.Warnings {
		f.Warnings = merge(f.Warnings, warning)
	}
}

// WarnOfContested turns what may be due to a former self into warnings.
func (f *Findings) WarnOfContested() {
	for _, problem := range f.Problems {
		if problem.Contested {
			problem.Detail += " The apply is refused if that is still so."
			f.Warnings = merge(f.Warnings, problem)
		}
	}
	f.Problems = slices.DeleteFunc(f.Problems, func(p Finding) bool { return p.Contested })
}

// WarnOfAll turns all problems into warnings: an apply is under way, and refuses what is
// still so before it touches anything.
func (f *Findings) WarnOfAll() {
	for i := range f.Problems {
		f.Problems[i].Contested = true
	}
	f.WarnOfContested()
}

// merge adds a finding, or its fields to the one that says the same already.
func merge(all []Finding, next Finding) []Finding {
	for i := range all {
		if all[i].Summary != next.Summary || all[i].Detail != next.Detail {
			continue
		}
		for _, field := range next.Fields {
			if !slices.Contains(all[i].Fields, field) {
				all[i].Fields = append(all[i].Fields, field)
			}
		}
		return all
	}
	return append(all, next)
}

// Err is the problems as one error; nil where there are none.
func (f *Findings) Err() error {
	if len(f.Problems) == 0 {
		return nil
	}
	return &PlanError{Problems: f.Problems}
}

// PlanError is a plan that cannot be applied.
type PlanError struct{ Problems []Finding }

func (e *PlanError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "; ")
}

// maxListed is how many names or addresses a message lists.
const maxListed = 10

// Listed joins words; of many it lists some and says how many more there are.
func Listed(words []string) string {
	if len(words) <= maxListed+1 {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(words[:maxListed], ", "), len(words)-maxListed)
}
