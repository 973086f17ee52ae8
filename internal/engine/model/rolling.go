package model

// RollStrategy is the order in which a node is deleted and its successor created.
type RollStrategy string

// The strategies. Expand-first needs more addresses than there are nodes and never has
// fewer nodes than the pool's count; contract-first is the reverse.
const (
	ExpandFirst   RollStrategy = "expand_first"
	ContractFirst RollStrategy = "contract_first"
)

// ExpandsFirst reports whether the pool is rolled with more nodes than it has. A control
// plane always is: of one node or two, none may be taken away.
func (p *NodePool) ExpandsFirst() bool {
	return p.ControlPlane() || p.Strategy != ContractFirst
}

// ReplacedAtOnce is how many nodes of the pool are replaced side by side.
func (p *NodePool) ReplacedAtOnce() int {
	if p.ExpandsFirst() {
		return max(1, p.MaxSurge)
	}
	return max(1, p.MaxUnavailable)
}

// LeastServing is how many nodes of the pool serve at any moment of a rollout.
func (p *NodePool) LeastServing() int {
	if p.ExpandsFirst() {
		return p.Count
	}
	return max(0, p.Count-p.ReplacedAtOnce())
}

// Surge is how many nodes more than its count the pool may have while it is rolled.
func (p *NodePool) Surge() int {
	if p.ExpandsFirst() {
		return min(p.ReplacedAtOnce(), p.Count)
	}
	return 0
}
