package vsphere

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// listed bounds how many names a message lists.
const listed = 8

// choice is the search for the one object that a user means.
type choice struct {
	field  engine.Field
	kind   string // as users call it: compute cluster
	wanted string // a name or an inventory path
	where  string // where it was looked for: datacenter dc-1
	from   []*node
	user   string
}

// pick finds the one object, or says what is wrong.
func (c choice) pick() (*node, *engine.Problem) {
	found := c.matches()
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, c.unknown()
	}
	return nil, c.ambiguous(found)
}

// matches lists the objects that the wanted name or path may mean. A path may
// leave out its beginning. One that is escaped in another way counts where none
// is spelled like it.
func (c choice) matches() []*node {
	var exact, similar []*node
	for _, n := range c.from {
		switch {
		case n.name == c.wanted || n.raw == c.wanted || n.hasPath(c.wanted):
			exact = append(exact, n)
		case inventoryname.MayMatch(n.path(), c.wanted):
			similar = append(similar, n)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return similar
}

func (n *node) hasPath(wanted string) bool {
	if !strings.Contains(wanted, "/") {
		return false
	}
	path, want := n.path(), strings.TrimSuffix(wanted, "/")
	if strings.HasPrefix(want, "/") {
		return path == want
	}
	return strings.HasSuffix(path, "/"+want)
}

func (c choice) unknown() *engine.Problem {
	there := "There is none that this account may see."
	if len(c.from) > 0 {
		there = "There is: " + c.list(c.from) + "."
	}
	return &engine.Problem{
		Field:   c.field,
		Summary: fmt.Sprintf("Unknown %s %q", c.kind, c.wanted),
		Detail: fmt.Sprintf("No %s %q was found in %s, as far as %q may see. %s",
			c.kind, c.wanted, c.where, c.user, there),
	}
}

func (c choice) ambiguous(found []*node) *engine.Problem {
	paths := make([]string, len(found))
	for i, n := range found {
		paths[i] = n.path()
	}
	return &engine.Problem{
		Field:   c.field,
		Summary: fmt.Sprintf("Ambiguous %s %q", c.kind, c.wanted),
		Detail: fmt.Sprintf("%d objects in %s are called that: %s. Give the inventory path of the one that is meant.",
			len(found), c.where, bounded(paths)),
	}
}

// list names the objects there are, those first whose names are closest to the
// wanted one. Names that several objects share are given as paths.
func (c choice) list(nodes []*node) string {
	count := map[string]int{}
	for _, n := range nodes {
		count[n.name]++
	}
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.name
		if count[n.name] > 1 {
			names[i] = n.path()
		}
	}
	last := inventoryname.Base(c.wanted)
	slices.SortStableFunc(names, func(a, b string) int { return distance(last, a) - distance(last, b) })
	return bounded(names)
}

func bounded(names []string) string {
	if more := len(names) - listed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// distance is the number of edits between two names, regardless of case.
func distance(a, b string) int {
	s, t := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
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
