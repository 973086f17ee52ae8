package plan

import (
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// unreadableOf are the VMs that cannot be read and may be a target's: of its nodes that were
// known, or with a name that one of its nodes or its load balancer may have. While the record
// of the target's own pools and templates is lost, a pool of any name counts.
func unreadableOf(t model.Target, facts *model.Facts) []string {
	of := model.NamesOf(t.Name, t.NameTemplate, facts, nil)
	pools := everyPool(facts)
	templates := templatesWithoutRecord(t, facts)
	return slices.DeleteFunc(slices.Clone(facts.Unreadable), func(name string) bool {
		named := func(pool string) bool { return of.Ordinal(pool, name) > 0 }
		known := func(m model.KnownMachine) bool { return m.Node == name }
		lost := func(template string) bool { return model.MayBeNamed(template, t.Name, name) }
		prefixed := len(templates) > 0 && strings.HasPrefix(name, t.Name+"-")
		return !prefixed && name != of.LoadBalancer() && !slices.ContainsFunc(pools, named) &&
			!slices.ContainsFunc(t.Known, known) && !slices.ContainsFunc(templates, lost)
	})
}

// templatesWithoutRecord are those by which the nodes of a target may be named whose record is
// lost, or another's by now; nil: the record says it.
func templatesWithoutRecord(t model.Target, facts *model.Facts) []string {
	if registered(t, facts) {
		return nil
	}
	templates := []string{"", t.NameTemplate}
	for _, m := range facts.VMs() {
		templates = append(templates, m.Marker.NameTemplate)
	}
	slices.Sort(templates)
	return slices.Compact(templates)
}

// everyPool are the node pools that the record, the markers of VMs and the former templates
// know.
func everyPool(facts *model.Facts) []string {
	pools := []string{model.ControlPlanePool}
	pools = append(pools, sortedKeys(facts.Record.Counters)...)
	pools = append(pools, sortedKeys(facts.Record.Pending)...)
	for _, m := range facts.Machines {
		pools = append(pools, m.Marker.NodePool)
	}
	for _, t := range facts.Record.NameTemplates {
		pools = append(pools, sortedKeys(t.From)...)
	}
	slices.Sort(pools)
	return slices.Compact(pools)
}

// mayServe reports whether a VM that is not seen may be of the control plane, by its name.
func mayServe(t model.Target, facts *model.Facts, node string) bool {
	of := model.NamesOf(t.Name, t.NameTemplate, facts, nil)
	return of.Ordinal(model.ControlPlanePool, node) > 0 ||
		slices.ContainsFunc(templatesWithoutRecord(t, facts), func(template string) bool {
			return model.NodeOrdinal(template, t.Name, model.ControlPlanePool, node) > 0
		})
}
