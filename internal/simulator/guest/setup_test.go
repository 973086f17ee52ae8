package guest_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestPatchesOfKubelet has a node take more pods than others.
func TestPatchesOfKubelet(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	m := s.first("cp-1", address(11))
	m.kubeadm[1]["patches"] = document{"directory": "/etc/gantry/patches"}
	m.files["/etc/gantry/patches/kubeletconfiguration0+merge.yaml"] = "maxPods: 250\n"
	s.joins(m)
	node := s.node("cp-1")
	if got := node.Status.Capacity.Pods().Value(); got != 250 {
		t.Errorf("the node takes %d pods", got)
	}
}

// TestCommandAfterTheJoin fails on a node that stays a member of its cluster.
func TestCommandAfterTheJoin(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	m := s.first("cp-1", address(11))
	m.files["/etc/gantry/post-bootstrap/001"] = "false\n"
	s.boot(m)
	state := s.settled("cp-1")
	if state.Phase != guest.PhasePostFailed || !strings.Contains(state.Error, "command 001 of post-bootstrap failed") {
		t.Errorf("state %+v", state)
	}
	if node := s.node("cp-1"); node.Name == "" {
		t.Error("there is no node")
	}
}

// TestCommandAfterTheJoinIsTriedAgain at each boot, and those that have run are not.
func TestCommandAfterTheJoinIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	m := s.first("cp-1", address(11))
	m.files["/etc/gantry/post-bootstrap/001"] = "true\n"
	m.files["/etc/gantry/post-bootstrap/002"] = "test -e /run/repaired\n"
	s.boot(m)
	want := func(phase guest.Phase) {
		t.Helper()
		if state := s.settled("cp-1"); state.Phase != phase {
			t.Errorf("state %+v, want %s", state, phase)
		}
	}
	want(guest.PhasePostFailed)
	s.cycle(m)
	want(guest.PhasePostFailed)
	s.world.MakeFile("vm-cp-1", "/run/repaired")
	s.cycle(m)
	want(guest.PhaseJoined)
	log := s.settled("cp-1").Log
	if n := strings.Count(log, "command 001 of post-bootstrap"); n != 1 {
		t.Errorf("what had passed has run %d times:\n%s", n, log)
	}
}
