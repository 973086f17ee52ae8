package model

import (
	"strings"

	"github.com/google/uuid"
)

// HostedGroup is what Gantry has made in a compute cluster to keep VMs on the hosts of a host
// group of DRS: a VM group, and the rule that its VMs should run there. Both have the name
// that GroupName returns.
type HostedGroup struct {
	ComputeCluster     string // reference
	ComputeClusterName string
	HostGroup          string
	Made               bool     // the VM group is there
	VMs                []string // its, as references in vCenter's order
	RuleKey            int32    // vCenter's; 0: there is no rule
	// Kept is that the rule asks what Gantry has made it for, and Off that an administrator, or
	// vCenter for a conflict with another rule, has turned it off.
	Kept bool
	Off  bool `json:",omitzero"`
	// Lost is that there is no such host group any more.
	Lost bool `json:",omitzero"`
}

// MaxHostGroup is how long the name of a host group may be, so that vCenter takes those of its
// VM group and rule, which have 80 characters at most.
const MaxHostGroup = 80 - len("gantry-00000000-0000-0000-0000-000000000000.")

// GroupName is the name of the VM group for a host group, and of its rule, unique in each
// compute cluster.
func GroupName(cluster uuid.UUID, hostGroup string) string { return groupPrefix(cluster) + hostGroup }

func groupPrefix(cluster uuid.UUID) string { return "gantry-" + cluster.String() + "." }

// HostGroupOf reads the host group from the name of a VM group or of its rule; false where it
// is not of the cluster.
func HostGroupOf(cluster uuid.UUID, name string) (hostGroup string, ok bool) {
	hostGroup, ok = strings.CutPrefix(name, groupPrefix(cluster))
	return hostGroup, ok && hostGroup != "" && cluster != uuid.Nil
}

// Operation is what an edit does.
type Operation string

// The operations; the zero value leaves alone what there is.
const (
	Add    Operation = "add"
	Edit   Operation = "edit"
	Remove Operation = "remove"
)

// GroupEdit is what is to become of the VM group for a host group, and of its rule.
type GroupEdit struct {
	HostGroup string
	Group     Operation
	VMs       []string // all that are in it from then on, as references
	Rule      Operation
	RuleKey   int32 // of the rule that there is
	Off       bool  // the rule stays off
}

// ActionPlaceNodes is the action on VM groups and rules by which nodes are kept on the hosts
// of host groups, and on the VM groups of others that nodes are to be in.
const ActionPlaceNodes Action = "place_nodes" // target: a compute cluster

// PlaceNodes makes and changes the VM groups and rules that keep nodes of a compute cluster on
// the hosts of host groups, and puts nodes into the VM groups of others.
type PlaceNodes struct {
	ComputeCluster string // reference
	Name           string
}

// Change implements Step.
func (s PlaceNodes) Change() Change { return Change{ActionPlaceNodes, s.Name} }
