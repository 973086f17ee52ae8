package model

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// MaxOrdinal is far above what any pool hands out. A marker or a node's name with a
// higher one is not Gantry's: those who may write them must not make it count without
// a bound.
const MaxOrdinal = 1_000_000

// DefaultNameTemplate is that of the names of nodes where a spec has none.
const DefaultNameTemplate = "{cluster}-{pool}-{n}"

// numberPart is what a node's ordinal takes the place of in a template.
const numberPart = "{n}"

// NodeName is the name of a node by a template; empty: the default one.
func NodeName(template, cluster, pool string, n int) string {
	before, after := nameParts(template, cluster, pool)
	return before + strconv.Itoa(n) + after
}

// nameParts are what comes before a node's ordinal in its name, and what after it.
func nameParts(template, cluster, pool string) (before, after string) {
	if template == "" {
		template = DefaultNameTemplate
	}
	before, after, _ = strings.Cut(template, numberPart)
	known := strings.NewReplacer("{cluster}", cluster, "{pool}", pool)
	return known.Replace(before), known.Replace(after)
}

// NodeOrdinal reads the ordinal from a name by a template; 0 where it is not of the pool.
func NodeOrdinal(template, cluster, pool, name string) int {
	before, after := nameParts(template, cluster, pool)
	digits, ok := strings.CutPrefix(name, before)
	if !ok {
		return 0
	}
	if digits, ok = strings.CutSuffix(digits, after); !ok {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > MaxOrdinal || strconv.Itoa(n) != digits {
		return 0
	}
	return n
}

// LoadBalancerName is the name of a load balancer by a template: that of a node of pool "lb"
// without a number, and without a hyphen before it.
func LoadBalancerName(template, cluster string) string {
	before, after := nameParts(template, cluster, LoadBalancerPool)
	if before == "" {
		return strings.TrimPrefix(after, "-")
	}
	return strings.TrimSuffix(before, "-") + after
}

// NodeNames are those of the nodes of a cluster. The name of a node that has a VM is what the
// marker of that says. Of others, such as those of whom only an address is left, it follows
// from their ordinal and the template of the time when that was handed out, so that a change
// of the template is one for new nodes only.
type NodeNames struct {
	cluster   string
	templates []record.NameTemplate // one of them covers each ordinal
	markers   map[nodeKey]string
	carriers  map[string]nodeKey // the reverse of markers
	balancer  string             // by its marker; empty: there is none
}

type nodeKey struct {
	pool    string
	ordinal int
}

// NamesOf are the names of a cluster's nodes: template is what the spec or the state says,
// and counters are the next ordinals of the pools, which it begins with where it is new; nil:
// no node is new.
func NamesOf(cluster, template string, facts *Facts, counters map[string]int) NodeNames {
	s := NodeNames{cluster: cluster, markers: map[nodeKey]string{}, carriers: map[string]nodeKey{}}
	for _, m := range facts.Machines {
		key := nodeKey{m.Marker.NodePool, m.Marker.Ordinal}
		if _, twice := s.markers[key]; m.Marker.Node != "" && key.ordinal > 0 && !twice {
			s.markers[key] = m.Marker.Node
			s.carriers[m.Marker.Node] = key
		}
	}
	if facts.LoadBalancer != nil {
		s.balancer = facts.LoadBalancer.Marker.Node
	}
	s.templates = facts.Record.NameTemplates
	if !facts.Record.Found {
		s.templates = lostTemplates(facts.Machines)
	}
	if counters != nil || !facts.Record.Found && len(facts.Machines) == 0 {
		s.templates = withTemplate(s.templates, template, counters)
	}
	return s
}

// lostTemplates are those of a record that was lost, as far as the markers of VMs tell: each
// begins with its first node.
func lostTemplates(machines []Machine) []record.NameTemplate {
	byOrdinal := slices.Clone(machines)
	slices.SortStableFunc(byOrdinal, func(a, b Machine) int { return a.Marker.Ordinal - b.Marker.Ordinal })
	var templates []record.NameTemplate
	for _, m := range byOrdinal {
		known := func(t record.NameTemplate) bool { return t.Template == m.Marker.NameTemplate }
		if slices.ContainsFunc(templates, known) || m.Marker.Ordinal < 1 {
			continue
		}
		next := record.NameTemplate{Template: m.Marker.NameTemplate}
		if len(templates) > 0 {
			next.From = firstOrdinals(byOrdinal, next.Template)
		}
		templates = append(templates, next)
	}
	if len(templates) == 1 && templates[0].Template == "" {
		return nil
	}
	return templates
}

// firstOrdinals are those of the first node with a template in each pool, or of the one after
// the last node of a pool.
func firstOrdinals(byOrdinal []Machine, template string) map[string]int {
	next := map[string]int{}
	found := map[string]bool{}
	for _, m := range byOrdinal {
		switch pool := m.Marker.NodePool; {
		case found[pool] || m.Marker.Ordinal > LastOrdinal: // no counter goes by that
		case m.Marker.NameTemplate == template:
			next[pool] = m.Marker.Ordinal
			found[pool] = true
		default:
			next[pool] = m.Marker.Ordinal + 1
		}
	}
	return next
}

// withTemplate adds a template that begins with the next ordinal of each pool, unless it is
// the last one already. One that no node was named by is dropped.
func withTemplate(templates []record.NameTemplate, template string, counters map[string]int) []record.NameTemplate {
	if template == DefaultNameTemplate {
		template = ""
	}
	last := record.NameTemplate{}
	if len(templates) > 0 {
		last = templates[len(templates)-1]
	}
	if last.Template == template {
		return templates
	}
	handedOut := slices.ContainsFunc(sortedPools(counters), func(pool string) bool {
		return counters[pool] > max(1, last.From[pool])
	})
	kept := slices.Clone(templates)
	switch {
	case !handedOut && len(kept) > 1:
		return withTemplate(kept[:len(kept)-1], template, counters)
	case !handedOut:
		return []record.NameTemplate{{Template: template}}
	case len(kept) == 0:
		kept = []record.NameTemplate{{}} // until now the default one
	}
	next := record.NameTemplate{Template: template, From: map[string]int{}}
	for pool, n := range counters {
		if n > 1 { // else it is that of all nodes of the pool
			next.From[pool] = n
		}
	}
	return append(kept, next)
}

func sortedPools(counters map[string]int) []string { return slices.Sorted(maps.Keys(counters)) }

// Templates are what a record keeps, so that names mean the same in later runs; nil: all names
// are by the default one.
func (s NodeNames) Templates() []record.NameTemplate { return s.templates }

// at is the template of a node's name, and its place among the templates.
func (s NodeNames) at(pool string, n int) (template string, index int) {
	for i, t := range slices.Backward(s.templates) {
		if n >= t.From[pool] {
			return t.Template, i
		}
	}
	return "", 0
}

// TemplateOf is the template by which a node is named; empty: the default one.
func (s NodeNames) TemplateOf(pool string, n int) string {
	template, _ := s.at(pool, n)
	return template
}

// Node is the name of a node.
func (s NodeNames) Node(pool string, n int) string {
	if name, ok := s.markers[nodeKey{pool, n}]; ok {
		return name
	}
	return NodeName(s.TemplateOf(pool, n), s.cluster, pool, n)
}

// Ordinal reads the ordinal from a node's name; 0 where the name is not of the pool.
func (s NodeNames) Ordinal(pool, name string) int {
	if key, ok := s.carriers[name]; ok {
		if key.pool == pool {
			return key.ordinal
		}
		return 0
	}
	if len(s.templates) < 2 {
		return NodeOrdinal(s.TemplateOf(pool, MaxOrdinal), s.cluster, pool, name)
	}
	for i, t := range s.templates {
		for _, other := range s.pools(pool) {
			n := NodeOrdinal(t.Template, s.cluster, other, name)
			if _, by := s.at(other, n); n == 0 || by != i {
				continue
			}
			if other == pool {
				return n
			}
			return 0 // the name is that of a node of the older template
		}
	}
	return 0
}

// pools are one and those of which nodes were named by an earlier template.
func (s NodeNames) pools(pool string) []string {
	pools := []string{pool}
	for _, t := range s.templates {
		pools = append(pools, sortedPools(t.From)...)
	}
	slices.Sort(pools)
	return slices.Compact(pools)
}

// Free reports whether an ordinal gives a node a name that no other one has had: by an older
// template another ordinal may have.
func (s NodeNames) Free(pool string, n int) bool {
	name := NodeName(s.TemplateOf(pool, n), s.cluster, pool, n)
	return s.Ordinal(pool, name) == n && name != s.LoadBalancer()
}

// LoadBalancer is the name of the load balancer's VM: by the template of the creation, since
// its instance UUID and its MAC address follow from it, and with that its lease.
func (s NodeNames) LoadBalancer() string {
	if s.balancer != "" {
		return s.balancer
	}
	template := ""
	if len(s.templates) > 0 {
		template = s.templates[0].Template
	}
	return LoadBalancerName(template, s.cluster)
}

// VM is the name of a node's VM, or of the load balancer's.
func (s NodeNames) VM(pool string, ordinal int) string {
	if pool == LoadBalancerPool && ordinal == 0 {
		return s.LoadBalancer()
	}
	return s.Node(pool, ordinal)
}

// NodeUUID is the instance UUID of a node's VM: known before the VM exists, and
// the same on every attempt.
func NodeUUID(cluster uuid.UUID, node string) uuid.UUID {
	return uuid.NewSHA1(cluster, []byte(node))
}
