package guest_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestHistory takes two machines of three away: the quorum goes with the second, and what
// boots again initialises nothing.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(3, 0)
	for _, name := range []string{"cp-2", "cp-3"} {
		if lost := s.world.History().QuorumLosses; len(lost) > 0 {
			t.Errorf("the quorum was lost: %v", lost)
		}
		s.world.PowerOff("vm-" + name)
	}
	if lost := s.world.History().QuorumLosses; !slices.Equal(lost, []string{"of [cp-1 cp-2 cp-3] run [cp-1]"}) {
		t.Errorf("the quorum was lost: %v", lost)
	}
	if inits := s.world.History().Inits; !slices.Equal(inits, []string{"cp-1"}) {
		t.Errorf("initialised were %v", inits)
	}
}
