package vsphere

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// listed bounds how many names a message lists.
const listed = 8

// choice is the search for the one object that a user means.
type choice struct {
	field  model.Field
	kind   string // as users call it: compute cluster
	wanted string // a name or an inventory path
	where  string // where it is looked up: datacenter "dc-1"
	from   []*node
	user   string
	// known are the objects that the name meant before, and former is where they are
	// looked up; nil: among from.
	known  []types.ManagedObjectReference
	former []*node
}

// pick returns the one object, or what is wrong.
func (c choice) pick() (*node, *model.Finding) {
	found := c.matches()
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, c.unknown()
	}
	return nil, c.ambiguous(found)
}

// matches returns the objects that the wanted name or path may mean. One that is
// escaped in another way counts where none is spelled like it.
func (c choice) matches() []*node {
	for _, means := range []func(*node, string) bool{(*node).spelled, (*node).resembles} {
		var found []*node
		for _, n := range c.from {
			if means(n, c.wanted) {
				found = append(found, n)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func (c choice) finding(summary, detail string, args ...any) *model.Finding {
	f := model.NewFinding(c.field, summary, detail, args...)
	return &f
}

func (c choice) unknown() *model.Finding {
	available := "The account can read none there"
	if len(c.from) > 0 {
		available = "Available: " + c.list(c.from)
	}
	return c.finding(fmt.Sprintf("Unknown %s %q", c.kind, c.wanted),
		"No %s %q was found in %s with the account %q. %s. Correct the name, or grant the account read access to the object.",
		c.kind, c.wanted, c.where, c.user, available)
}

func (c choice) ambiguous(found []*node) *model.Finding {
	paths := make([]string, len(found))
	for i, n := range found {
		paths[i] = n.path
	}
	return c.finding(fmt.Sprintf("Ambiguous %s %q", c.kind, c.wanted),
		"%d objects in %s match: %s. Set the inventory path of one of them.", len(found), c.where, bounded(paths))
}

// list names objects, those first whose names are closest to the wanted one.
// Where several share a name, their paths are listed, but for resource pools:
// each compute cluster has its own.
func (c choice) list(nodes []*node) string {
	count := map[string]int{}
	for _, n := range nodes {
		count[n.name]++
	}
	var names []string
	for _, n := range nodes {
		name := n.name
		if count[name] > 1 && !slices.Contains(poolTypes, n.ref.Type) {
			name = n.path
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	last := inventoryname.Base(c.wanted)
	slices.SortStableFunc(names, func(a, b string) int { return distance(last, a) - distance(last, b) })
	return bounded(names)
}

func quoted(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return quoted
}

func bounded(names []string) string {
	if more := len(names) - listed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// distance is the number of edits between two names, regardless of case.
func distance(a, b string) int {
	s := []rune(strings.ToLower(a))
	t := []rune(strings.ToLower(b))
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range s {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range t {
			cost := diagonal
			if x != y {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(t)]
}
