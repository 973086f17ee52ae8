package model

import (
	"strings"

	"github.com/google/uuid"
)

// Rule is an anti-affinity rule of DRS that Gantry has made: it keeps the VMs of a node pool
// in one compute cluster on different hosts.
type Rule struct {
	ComputeCluster     string // reference
	ComputeClusterName string
	Key                int32 // vCenter's
	NodePool           string
	VMs                []string // references, in vCenter's order
	// Enabled is false where an administrator, or vCenter for a conflict with another rule, has
	// turned the rule off.
	Enabled bool
}

// RuleName is the name of the rule of a node pool, unique in each compute cluster.
func RuleName(cluster uuid.UUID, pool string) string { return rulePrefix(cluster) + pool }

func rulePrefix(cluster uuid.UUID) string { return "gantry-" + cluster.String() + "-" }

// RulePool reads the node pool from the name of a rule; false where it is not of the cluster.
func RulePool(cluster uuid.UUID, name string) (pool string, ok bool) {
	pool, ok = strings.CutPrefix(name, rulePrefix(cluster))
	return pool, ok && pool != "" && cluster != uuid.Nil
}

// RuleEdit is what is to become of the rule of a node pool.
type RuleEdit struct {
	NodePool string
	Key      int32    // 0: there is none yet
	VMs      []string // references; empty: the rule goes
	Enabled  bool
}

// RuleEdits are changed in one task.
type RuleEdits struct {
	ComputeCluster string // reference
	Cluster        uuid.UUID
	Edits          []RuleEdit
	Groups         []GroupEdit
	VMGroups       []VMGroupEdit
}

// Empty reports whether nothing is changed.
func (e *RuleEdits) Empty() bool { return len(e.Edits)+len(e.Groups)+len(e.VMGroups) == 0 }

// OwnRules are what a cluster has made in compute clusters, and the VM groups of others there.
type OwnRules struct {
	Rules    []Rule
	Groups   []HostedGroup
	VMGroups []VMGroup
}

// Hosting is where VMs of a node pool, or the load balancer, are.
type Hosting struct {
	NodePool           string
	ComputeCluster     string // reference
	ComputeClusterName string
	// DRS is whether it moves VMs, and keeps rules.
	DRS bool
	// Hosts is how many hosts that can run a VM now reach the datastores and networks of
	// these.
	Hosts int
	// VMs are by the hosts that they are on (references).
	VMs map[string][]string
}

// Spreads reports whether rules keep the nodes of the pool on different hosts.
func (p *NodePool) Spreads() bool { return p.Count > 1 && (p.ControlPlane() || p.Spread == SpreadHost) }

// Spread is over what the nodes of a pool are kept apart.
type Spread string

// SpreadHost keeps the nodes of a pool on different hosts of their compute cluster.
const SpreadHost Spread = "host"

// ActionSpreadNodes is the action on rules that are not as they are to be.
const ActionSpreadNodes Action = "spread_nodes" // target: a compute cluster

// SpreadNodes makes and changes the rules that keep nodes on different hosts of a compute
// cluster.
type SpreadNodes struct {
	ComputeCluster string // reference
	Name           string
}

// DeleteRules deletes the rules and VM groups of a cluster that is destroyed.
type DeleteRules struct {
	Cluster string
	Edits   RuleEdits
}

// ActionDeleteRules is the action on the rules of a cluster that is destroyed.
const ActionDeleteRules Action = "delete_rules" // target: the cluster; those in one compute cluster

// Change implements Step.
func (s SpreadNodes) Change() Change { return Change{ActionSpreadNodes, s.Name} }

// Change implements Step.
func (s DeleteRules) Change() Change { return Change{ActionDeleteRules, s.Cluster} }
