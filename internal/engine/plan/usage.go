package plan

import (
	"fmt"
	"maps"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

const usageKind = "UsageWithinLimits"

// reasonOverLimits is unrepaired: no apply takes work from nodes.
const reasonOverLimits = "OverLimits"

// usageCondition judges what nodes use at the moment of the refresh.
func usageCondition(limits model.UsageLimits, facts *model.Facts, checks *model.HealthChecks) model.Condition {
	switch {
	case !facts.API.Answered() || checks == nil:
		return unknownCondition(usageKind, "APIUnknown", "")
	case checks.UsageError != nil:
		return unknownCondition(usageKind, "NotReadable", checks.UsageError.Error())
	}
	// A node of which nothing is measured, as of one that has just joined, is left out.
	measured := maps.Clone(checks.Usage)
	maps.DeleteFunc(measured, func(_ string, n model.NodeUsage) bool { return !n.Measured })
	over := overLimits("all nodes together", measured.Total(), limits.CPU, limits.Memory)
	for _, name := range sortedKeys(measured) {
		over = append(over, overLimits("node "+name, measured[name], limits.NodeCPU, limits.NodeMemory)...)
	}
	if len(measured) == 0 {
		return unknownCondition(usageKind, "NotMeasured", "The cluster serves no metrics of nodes (metrics.k8s.io), as metrics-server does.")
	}
	return condition(usageKind, len(over) == 0, "WithinLimits", reasonOverLimits, "Over their limit: "+model.Listed(over)+".")
}

// overLimits say what of a usage is over its limit.
func overLimits(what string, u model.NodeUsage, cpu, memory int) []string {
	var over []string
	for _, kind := range []struct {
		name              string
		used, allocatable int64
		limit             int
	}{
		{"CPU", u.Used.CPU, u.Allocatable.CPU, cpu},
		{"memory", u.Used.Memory, u.Allocatable.Memory, memory},
	} {
		if share := percent(kind.used, kind.allocatable); kind.limit > 0 && share > kind.limit {
			over = append(over, fmt.Sprintf("%s: %d %% of the %s (limit %d %%)", what, share, kind.name, kind.limit))
		}
	}
	return over
}

// percent is the share of a part, rounded up; 0 of nothing.
func percent(part, whole int64) int {
	if whole <= 0 {
		return 0
	}
	return int((part*100 + whole - 1) / whole)
}
