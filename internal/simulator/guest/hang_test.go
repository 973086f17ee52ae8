package guest_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// A worker whose kubelet stopped is not Ready from then on, and Ready after its next boot.
func TestWorkerHangs(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(1, 0)
	w := s.worker("w-1", address(21))
	s.joins(w)
	is := func(status corev1.ConditionStatus) func() bool {
		return func() bool { return s.nodeReady("w-1") == status }
	}
	const alive = corev1.ConditionFalse // it has no pod network
	eventually(t, "the worker reports", is(alive))
	s.world.Hang("vm-w-1")
	eventually(t, "the worker reports no more", is(corev1.ConditionUnknown))
	if len(s.reported("w-1")) == 0 {
		t.Error("the machine has lost its address")
	}
	s.cycle(w)
	eventually(t, "the worker is back", is(alive))
}
