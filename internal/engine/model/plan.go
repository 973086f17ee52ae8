package model

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// FailurePolicy is what becomes of the stages after one in which a step failed.
type FailurePolicy int

// The policies.
const (
	// Stop runs no further stage.
	Stop FailurePolicy = iota
	// SkipRollouts runs the further stages but the rollouts: nothing that works is
	// replaced in a cluster in which something failed.
	SkipRollouts
	// Continue runs the further stages.
	Continue
)

// Stage is a group of steps between which order does not matter (Parallel) or
// that run one after the other, the first failure ending them.
type Stage struct {
	Name     string
	Parallel bool
	Rollout  bool // replaces nodes that work
	// Pause is how long the runner waits before it begins the stage.
	Pause     time.Duration
	OnFailure FailurePolicy
	// Complete stages are left out where a step has failed before.
	Complete bool
	Steps    []Step
	// Clones are nodes that steps of later stages create. Their VMs begin to be made with
	// this stage, and nothing waits for them before their steps.
	Clones []CreateNode
	// JoinAhead lets the workers among them join as soon as the first node's API answers,
	// beside the rest of the control plane.
	JoinAhead bool
}

// Plan is what an apply will do, and what speaks against it.
type Plan struct {
	Stages []Stage
	Findings
	// Numbers are what the plan writes into the record before the first node.
	Numbers Numbers
	// MissingIPPools are pools that placements name and that nothing can be said about:
	// the ledger has no (readable) record, and what the run makes of them is not known
	// here. Steps do not follow from pools, and are known all the same.
	MissingIPPools []MissingIPPool
	// Collision is the id of another cluster or gateway that has the name: applying
	// the plan is refused unless that is deleted before.
	Collision uuid.UUID
	// RenewsAuthorities reports whether the certificate authorities are replaced before
	// anything is built, and with them the kubeconfig.
	RenewsAuthorities bool
	// Unfinished is the id of an incomplete creation that is taken over. Beyond the
	// steps of a creation, an apply removes what it left.
	Unfinished uuid.UUID
}

// MissingIPPool is a pool that a placement names and that cannot be used.
type MissingIPPool struct {
	ID     uuid.UUID
	Field  Field
	Damage error // why its record cannot be read; nil: there is none
	Fate   IPPoolFate
}

// Numbers are the ordinals of nodes that a plan hands out: the next one of each
// node pool, which never goes back, and those handed out to nodes that have not
// joined. A run that is killed after they were recorded uses the same names.
type Numbers struct {
	Next    map[string]int
	Pending map[string][]int
	// NameTemplates are those of the names of all nodes, as in a record.
	NameTemplates []record.NameTemplate
}

// Steps lists the steps in the order in which they run.
func (p *Plan) Steps() []Step {
	var steps []Step
	for _, stage := range p.Stages {
		steps = append(steps, stage.Steps...)
	}
	return steps
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps()) == 0 }

// Changes lists the steps as `planned_changes` shows them.
func (p *Plan) Changes() []Change {
	steps := p.Steps()
	changes := make([]Change, len(steps))
	for i, step := range steps {
		changes[i] = step.Change()
	}
	return changes
}

// Rebuilds are the IP pools of the nodes that the plan creates, by node name.
func (p *Plan) Rebuilds() map[string]uuid.UUID {
	pools := map[string]uuid.UUID{}
	for _, step := range p.Steps() {
		if create, ok := step.(CreateNode); ok {
			pools[create.Node] = create.IPPool()
		}
	}
	return pools
}

// DeletedNodes are the nodes that the plan deletes.
func (p *Plan) DeletedNodes() []string {
	var names []string
	for _, step := range p.Steps() {
		if s, ok := step.(DeleteNode); ok {
			names = append(names, s.Machine.Marker.Node)
		}
	}
	return names
}

// StartsControlPlane are the control-plane nodes that the plan creates or powers on.
func (p *Plan) StartsControlPlane() []string {
	var names []string
	for _, step := range p.Steps() {
		switch s := step.(type) {
		case CreateNode:
			if s.NodePool.ControlPlane() {
				names = append(names, s.Node)
			}
		case PowerOnNode:
			if s.Machine.Marker.ControlPlane() {
				names = append(names, s.Machine.Marker.Node)
			}
		}
	}
	return names
}

// First is the node with which the control plane begins; empty where it runs.
func (p *Plan) First() string {
	for _, step := range p.Steps() {
		switch s := step.(type) {
		case CreateNode:
			if s.First {
				return s.Node
			}
		case PowerOnNode:
			if s.First {
				return s.Machine.Marker.Node
			}
		}
	}
	return ""
}

// Unseen lists the steps that the shown changes do not cover. Steps that have
// become unnecessary since are no reason to stop, and of deleting a node whose VM
// is gone meanwhile, removing the lost node or releasing its address is what is left. The
// tags of all VMs are given once or several times, by how many stages there are. How many objects
// of a pack are set back changes all the time, and is no other change. To wait for a pack changes
// nothing.
func (p *Plan) Unseen(shown []Change) []Change {
	left := map[Change]int{}
	for _, change := range shown {
		left[change.covering()]++
	}
	var unseen []Change
	for _, change := range p.Changes() {
		covered := change.covering()
		rest := covered.Action == ActionRemoveLostNode || covered.Action == ActionReleaseAddress
		if rest && left[covered] == 0 {
			covered.Action = ActionDeleteNode
		}
		if change.Action == ActionWaitForPack {
			continue // it changes nothing
		}
		if left[covered] == 0 {
			unseen = append(unseen, change)
			continue
		}
		if covered.Action != ActionUpdateVMTags {
			left[covered]--
		}
	}
	return unseen
}

// MovedError says that the world has moved since the plan was shown: the apply
// would do what the plan did not show.
type MovedError struct{ Unseen []Change }

func (e *MovedError) Error() string {
	names := make([]string, len(e.Unseen))
	for i, change := range e.Unseen {
		names[i] = change.String()
	}
	return "vCenter or the cluster has changed since the plan was made; the plan did not show: " +
		strings.Join(names, ", ") + ". Nothing was changed. Plan again."
}
