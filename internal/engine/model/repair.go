package model

import (
	"strings"
	"time"
)

// Repair says when a node counts as broken that is not Ready and whose VM runs.
type Repair struct {
	NotReadyAfter time.Duration
	// MaxUnhealthy is how many nodes of the cluster may be unhealthy at once, for
	// whatever reason; with more, none of them is repaired.
	MaxUnhealthy int
	// Shown are the nodes that a plan has shown to be deleted; nil: there was no plan. What
	// only the time has made due since waits for the next one.
	Shown map[string]bool
}

// ShownRepairs has nodes that are not Ready for too long repaired, and those whose
// post_bootstrap failed restarted, rules changed, objects of packs set back, and releases that are
// gone installed again, only where a plan has shown it.
func (s *ClusterSpec) ShownRepairs(shown []Change) {
	s.Restarts = map[string]bool{}
	s.Spreads = map[string]bool{}
	s.Placed = map[string]bool{}
	s.SetsBack = map[string]bool{}
	s.Reinstalls = map[string]bool{}
	for _, change := range shown {
		switch change.Action {
		case ActionRestartNode:
			s.Restarts[change.Target] = true
		case ActionSpreadNodes:
			s.Spreads[change.Target] = true
		case ActionPlaceNodes:
			s.Placed[change.Target] = true
		case ActionApplyPack:
			pack, notes, _ := strings.Cut(change.Target, " (")
			s.SetsBack[pack] = s.SetsBack[pack] || strings.Contains(notes, setsBack)
		case ActionInstallPack:
			pack, _, _ := strings.Cut(change.Target, " (")
			s.Reinstalls[pack] = true
		}
	}
	if s.Repair == nil {
		return
	}
	repair := *s.Repair
	repair.Shown = map[string]bool{}
	for _, change := range shown {
		if change.Action == ActionDeleteNode {
			repair.Shown[change.Target] = true
		}
	}
	s.Repair = &repair
}
