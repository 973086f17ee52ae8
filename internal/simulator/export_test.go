package simulator

import (
	"maps"
	"slices"
)

// ControlPaths are the paths of the control API, sorted.
func ControlPaths() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(controls)), "state")))
}
