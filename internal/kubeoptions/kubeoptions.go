// Package kubeoptions knows what the components of Kubernetes can be told: their flags and
// the fields of kubelet's configuration, by minor version. It is pure. Its tables are what
// real components print; the generate command writes them.
package kubeoptions

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Component is a component of Kubernetes, by the name of its binary.
type Component string

// The components whose flags are known.
const (
	APIServer         Component = "kube-apiserver"
	ControllerManager Component = "kube-controller-manager"
	Scheduler         Component = "kube-scheduler"
	Kubelet           Component = "kubelet"
)

//go:embed tables/kube-apiserver.tsv
var apiServerTable string

//go:embed tables/kube-controller-manager.tsv
var controllerManagerTable string

//go:embed tables/kube-scheduler.tsv
var schedulerTable string

//go:embed tables/kubelet.tsv
var kubeletTable string

//go:embed tables/kubelet-config.tsv
var kubeletFieldTable string

var (
	flags = map[Component]table{
		APIServer:         parse(apiServerTable),
		ControllerManager: parse(controllerManagerTable),
		Scheduler:         parse(schedulerTable),
		Kubelet:           parse(kubeletTable),
	}
	kubeletFields = parse(kubeletFieldTable)
)

// Verdict is what is known of a flag or field. Of values it quotes the names of feature gates and
// admission plug-ins alone.
type Verdict struct {
	// Problem says why the component would not start with it; empty: nothing is known
	// against it.
	Problem string
	// Warning is what a user should know; empty: nothing.
	Warning string
}

// CheckFlag judges a flag of a component, by its name without dashes, in a minor version
// of Kubernetes 1.
func CheckFlag(component Component, minor int, name, value string) Verdict {
	if strings.Contains(name, "_") {
		return Verdict{Problem: fmt.Sprintf("flags are written with dashes: %q", strings.ReplaceAll(name, "_", "-"))}
	}
	found, verdict := flags[component].find(minor, name, "flag of "+string(component))
	if verdict.Problem == "" && found != nil {
		verdict.Problem = checkText(found.kind, name, value)
	}
	if verdict.Problem == "" {
		verdict.add(checkNames(minor, name, value))
	}
	return verdict
}

// table are options by name, and the minor versions of which all are known.
type table struct {
	options map[string]option
	minors  []int
}

type option struct {
	kind               string
	minors, deprecated []int
}

// parse reads a table, which is part of the program: a broken one is found by any test.
func parse(text string) table {
	t := table{options: map[string]option{}}
	all := map[int]bool{}
	for line := range strings.Lines(text) {
		columns := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(columns) != 4 {
			continue // the head
		}
		o := option{kind: columns[1], minors: numbers(columns[2]), deprecated: numbers(columns[3])}
		t.options[columns[0]] = o
		for _, minor := range o.minors {
			all[minor] = true
		}
	}
	t.minors = slices.Sorted(maps.Keys(all))
	return t
}

func numbers(text string) []int {
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		if n, err := strconv.Atoi(part); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// find looks an option up. Of a version that is newer than the table, what the newest one has is
// taken for known.
func (t table) find(minor int, name, what string) (*option, Verdict) {
	o, ever := t.options[name]
	known := min(minor, t.minors[len(t.minors)-1])
	switch {
	case slices.Contains(o.minors, known):
		var verdict Verdict
		if slices.Contains(o.deprecated, known) {
			verdict.Warning = fmt.Sprintf("%q is a deprecated %s in Kubernetes 1.%d, and goes in one of the next versions", name, what, minor)
		}
		return &o, verdict
	case known < minor:
		return nil, Verdict{Warning: fmt.Sprintf("it is not known whether Kubernetes 1.%d has a %s %q, and it would not start without; "+
			"known are those of %s", minor, what, name, versions(t.minors))}
	case ever:
		return nil, Verdict{Problem: fmt.Sprintf("Kubernetes 1.%d has no %s %q: it is one of %s", minor, what, name, versions(o.minors))}
	}
	return nil, Verdict{Problem: fmt.Sprintf("Kubernetes 1.%d has no %s %q%s", minor, what, name, t.suggestion(minor, name))}
}

// suggestion is an option of a version whose name is nearly the one.
func (t table) suggestion(minor int, name string) string {
	for _, other := range slices.Sorted(maps.Keys(t.options)) {
		if slices.Contains(t.options[other].minors, minor) && distance(name, other) <= 2 {
			return fmt.Sprintf("; there is %q", other)
		}
	}
	return ""
}

// distance is how many letters have to be added, left out or changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal = row[j+1]
			row[j+1] = cost
		}
	}
	return row[len(b)]
}

func versions(minors []int) string {
	texts := make([]string, len(minors))
	for i, minor := range minors {
		texts[i] = fmt.Sprintf("1.%d", minor)
	}
	return strings.Join(texts, ", ")
}
