package model

import (
	"strings"

	"github.com/google/uuid"
)

// VMGroup is a VM group of DRS that an administrator has made.
type VMGroup struct {
	ComputeCluster     string // reference
	ComputeClusterName string
	Name               string
	// VMs are those of the cluster that are in it, as references; in what is read right before
	// a change all that are.
	VMs []string
}

// VMGroupEdit is what is to become of a VM group of an administrator.
type VMGroupEdit struct {
	Name string
	VMs  []string // all that are in it from then on, as references
}

// OwnGroup reports whether a group of DRS is one that Gantry makes and deletes, by its name.
func OwnGroup(name string) bool {
	rest, ok := strings.CutPrefix(name, "gantry-")
	id, hostGroup, found := strings.Cut(rest, ".")
	_, err := uuid.Parse(id)
	return ok && found && hostGroup != "" && err == nil
}
