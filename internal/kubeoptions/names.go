package kubeoptions

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed tables/feature-gates.tsv
var gateTable string

//go:embed tables/admission-plugins.tsv
var pluginTable string

var (
	gates   = parse(gateTable)
	plugins = parse(pluginTable)
)

// checkNames judges the names in the value of a flag whose form is right: feature gates and
// admission plug-ins.
func checkNames(minor int, flag, value string) Verdict {
	var verdict Verdict
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		switch flag {
		case "feature-gates":
			name, _, _ := strings.Cut(part, "=")
			verdict.add(checkGate(minor, strings.TrimPrefix(name, "kube:")))
		case "enable-admission-plugins", "disable-admission-plugins", "admission-control":
			_, found := plugins.find(minor, part, "admission plug-in")
			verdict.add(found)
		}
	}
	return verdict
}

// checkGate judges a feature gate. What components list are those that are not general: one that
// is general stays known for some versions and is listed no more, as one that is gone is.
func checkGate(minor int, name string) Verdict {
	if strings.Contains(name, ":") {
		return Verdict{} // of another component than Kubernetes'
	}
	o, ever := gates.options[name]
	newest := gates.minors[len(gates.minors)-1]
	switch {
	case slices.Contains(o.minors, min(minor, newest)):
		return Verdict{}
	case ever && minor < o.minors[0]:
		return Verdict{Problem: fmt.Sprintf("Kubernetes 1.%d has no feature gate %q yet: it is one of %s", minor, name, versions(o.minors))}
	case ever:
		return Verdict{Warning: fmt.Sprintf("Kubernetes 1.%d does not list the feature gate %q any more, which was one of %s: "+
			"it is always on by now, or gone, and then its components would not start", minor, name, versions(o.minors))}
	}
	return Verdict{Warning: fmt.Sprintf("it is not known whether Kubernetes 1.%d has a feature gate %q, and its components would not "+
		"start without%s", minor, name, gates.suggestion(min(minor, newest), name))}
}

// checkKubeletGates judges the feature gates of kubelet's configuration.
func checkKubeletGates(minor int, value any) Verdict {
	all, _ := value.(map[string]any)
	var verdict Verdict
	for _, name := range slices.Sorted(maps.Keys(all)) {
		verdict.add(checkGate(minor, name))
	}
	return verdict
}

// add keeps the first problem and the first warning.
func (v *Verdict) add(other Verdict) {
	if v.Problem == "" {
		v.Problem = other.Problem
	}
	if v.Warning == "" {
		v.Warning = other.Warning
	}
}
