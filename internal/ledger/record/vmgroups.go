package record

import (
	"errors"
	"fmt"
	"strings"
)

// VMGroup is a VM group of DRS that an administrator has made, and that VMs of the cluster are
// put in.
type VMGroup struct {
	ComputeCluster string // reference
	Name           string
	// Others are the ordinals of nodes whose VMs were in it before Gantry put the cluster's
	// there, or may have been, by pool, in ascending order: those are never taken out.
	Others map[string][]int
}

// vmGroupWire is the brief spelling.
type vmGroupWire struct {
	ComputeCluster string            `json:"c"`
	Name           string            `json:"n"`
	Others         map[string]string `json:"o,omitempty"`
}

// computeClusterType begins the reference of a compute cluster, and is left out.
const computeClusterType = "ClusterComputeResource"

func formatVMGroups(groups []VMGroup) []vmGroupWire {
	var wires []vmGroupWire
	for _, g := range groups {
		wires = append(wires, vmGroupWire{strings.TrimPrefix(g.ComputeCluster, computeClusterType), g.Name, formatOrdinals(g.Others)})
	}
	return wires
}

// parseVMGroups reads what formatVMGroups writes.
func parseVMGroups(wires []vmGroupWire) ([]VMGroup, error) {
	var groups []VMGroup
	for _, w := range wires {
		if w.ComputeCluster == "" || w.Name == "" {
			return nil, errors.New("one has no compute cluster or no name")
		}
		others, err := parseOrdinals(w.Others)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", w.Name, err)
		}
		g := VMGroup{ComputeCluster: w.ComputeCluster, Name: w.Name, Others: others}
		if strings.HasPrefix(g.ComputeCluster, ":") {
			g.ComputeCluster = computeClusterType + g.ComputeCluster
		}
		groups = append(groups, g)
	}
	return groups, nil
}
