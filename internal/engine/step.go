package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Action is what a step does. Together with its target it is what
// `planned_changes` shows.
type Action string

// The actions, in the order in which a plan may hold them.
const (
	ActionRegister        Action = "register"           // target: the cluster; its record in the ledger
	ActionRegisterPool    Action = "register_pool"      // target: the IP pool that a gateway brings along
	ActionCreateFolder    Action = "create_folder"      // target: the folder's path
	ActionReserveEndpoint Action = "reserve_endpoint"   // target: the cluster; VIP and extra
	ActionClaimAddress    Action = "claim_address"      // target: the node that lives on it
	ActionReleaseAddress  Action = "release_address"    // target: the node that held it
	ActionForgetNode      Action = "forget_node"        // target: a node whose VM is gone
	ActionDeleteNode      Action = "delete_node"        // target: the node
	ActionCreateNode      Action = "create_node"        // target: the node
	ActionWipeUserdata    Action = "wipe_userdata"      // target: the node
	ActionLabelNode       Action = "label_node"         // target: the node
	ActionUncordonNode    Action = "uncordon_node"      // target: a node that was to be deleted and stays
	ActionApplyPack       Action = "apply_pack"         // target: the pack
	ActionRenewKubeconfig Action = "renew_kubeconfig"   // target: the cluster; half of its life is over
	ActionKeep            Action = "keep_configuration" // target: the cluster; what import reads from it
	ActionReleaseEndpoint Action = "release_endpoint"   // target: the cluster
	ActionDeleteFolder    Action = "delete_folder"      // target: the folder's path
	ActionUnregisterPool  Action = "unregister_pool"    // target: the IP pool that a gateway brought along
	ActionUnregister      Action = "unregister"         // target: the cluster
)

// Change is a step as users see it: an action and the name of what it is done
// to. It never carries an address.
type Change struct {
	Action Action
	Target string
}

// String is the form in which messages name a step.
func (c Change) String() string { return string(c.Action) + " " + c.Target }

// Step is a unit of a plan. Steps of one stage run side by side; a stage starts
// when the one before it has ended.
type Step struct {
	Change
	stage int
	node  *nodeStep
	pack  *Pack
	claim *Claim
}

// nodeStep is what the steps about nodes carry beside their name.
type nodeStep struct {
	pool      PoolSpec
	n         int
	placement int      // index into the pool's placements
	site      int      // index into Site.Placements
	machine   *Machine // nil: there is no VM
	drain     bool
	first     bool // initialises the control plane; exactly one node ever does
	meta      NodeMeta
	roll      bool // part of a rolling replacement
	keep      int  // in a roll: how many other nodes of the pool must serve before this one goes
}

// ipPool is where the address of the node that a step creates comes from.
func (s Step) ipPool() string { return s.node.pool.Placements[s.node.placement].IPPoolID }

// Plan is what an apply will do, and what speaks against it.
type Plan struct {
	Steps []Step
	// Problems keep the plan from being applied.
	Problems []Problem
	// Warnings are things that a user should know before applying.
	Warnings []Problem
	// Unknown is set where the steps cannot be told yet: an IP pool that the
	// plan uses is not registered, because the same apply will make it.
	Unknown bool
	// Unregistered are the attributes that name those pools, by the pool's id.
	Unregistered map[string]Field
	// Damaged tells of those among them whose records cannot be read why.
	Damaged map[string]error
	// Collision is the id of another cluster or gateway that has the name.
	Collision string
	// Unfinished is the id of a creation that never came to an end and is taken
	// over. Beyond the steps of a creation, an apply clears away what it left.
	Unfinished string

	observed *Observed
	record   recordChange
}

// rebuilds are the IP pools of the nodes that the plan creates, by name.
func (p *Plan) rebuilds() map[string]string {
	pools := map[string]string{}
	for _, s := range p.Steps {
		if s.Action == ActionCreateNode {
			pools[s.Target] = s.ipPool()
		}
	}
	return pools
}

// Changes lists the steps as `planned_changes` shows them.
func (p *Plan) Changes() []Change {
	changes := make([]Change, len(p.Steps))
	for i, s := range p.Steps {
		changes[i] = s.Change
	}
	return changes
}

// Err sums up the problems of a plan.
func (p *Plan) Err() error {
	if len(p.Problems) == 0 {
		return nil
	}
	return &PlanError{Problems: p.Problems}
}

// PlanError is a plan that cannot be applied.
type PlanError struct{ Problems []Problem }

func (e *PlanError) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s: %s", p.Field, p.Summary, p.Detail)
	}
	return b.String()
}

// MovedError says that the world has moved since the plan was shown: the apply
// would do something that nobody has seen.
type MovedError struct{ Unseen []Change }

func (e *MovedError) Error() string {
	names := make([]string, len(e.Unseen))
	for i, c := range e.Unseen {
		names[i] = c.String()
	}
	return "vCenter or the cluster has changed since the plan was made; the plan did not show: " +
		strings.Join(names, ", ") + ". Nothing was touched. Plan again."
}

// unseen lists the steps that the shown changes do not cover. Steps that have
// become unnecessary since are no reason to stop: to forget a node is what is
// left of deleting it when its VM has gone meanwhile.
func unseen(shown []Change, steps []Step) []Change {
	left := map[Change]int{}
	for _, c := range shown {
		left[c]++
	}
	var extra []Change
	for _, s := range steps {
		shown := s.Change
		if shown.Action == ActionForgetNode && left[shown] == 0 {
			shown.Action = ActionDeleteNode
		}
		if left[shown] == 0 {
			extra = append(extra, s.Change)
			continue
		}
		left[shown]--
	}
	return extra
}

// Claim is an address that a cluster holds, and for what.
type Claim struct {
	Pool    string
	Address netip.Addr
	Node    string // node name, OwnerVIP or OwnerExtra
}

// The owners of a cluster's addresses that are not nodes.
const (
	OwnerVIP   = "vip"
	OwnerExtra = "extra"
)

func sortSteps(steps []Step) {
	slices.SortStableFunc(steps, func(a, b Step) int { return a.stage - b.stage })
}
