package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// sealedWorld is a control plane whose API servers encrypt Secrets.
type sealedWorld struct {
	*etcdWorld
	stored []int // the versions of the keys that Secrets are written with
}

// Whatever the keys are, wherever runs are stopped, and whichever nodes are lost: at any
// moment each API server reads all that is in etcd, and all that another one may write.
func TestSecretsStayReadableHoweverOftenARunIsInterrupted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := small(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "control plane"), 0)
		w := &sealedWorld{etcdWorld: &etcdWorld{Facts: running(s.ControlPlane.Count, 0), count: s.ControlPlane.Count}}
		for _, m := range w.Machines {
			w.members = append(w.members, model.EtcdMember{ID: uint64(m.Marker.Ordinal), Name: m.Marker.Node, Leader: m.Marker.Ordinal == 1})
		}
		w.begin(t, s)
		interruptions := rapid.IntRange(0, 8).Draw(t, "interruptions")
		for round := 0; ; round++ {
			if round <= interruptions {
				w.change(t, s)
			}
			l := limitsFor(s, w.count+2)
			l.Etcd = model.Etcd{Asked: true, Members: w.members}
			p := checked(s, w.Facts.PlanInputs(), change(l, poolID, func(p *model.IPPool) { p.Taken = len(w.Claims) }))
			if p.Err() != nil {
				t.Fatalf("problems %v of %s with %+v", p.Problems, names(p), w.Claims)
			}
			steps := p.Steps()
			if len(steps) == 0 && round > interruptions {
				break
			}
			if round > interruptions {
				t.Fatalf("a run that was not interrupted has left %s", names(p))
			}
			w.Record.Counters = p.Numbers.Next
			w.Record.Pending = p.Numbers.Pending
			stop := len(steps)
			if round < interruptions && stop > 0 {
				stop = rapid.IntRange(1, stop).Draw(t, fmt.Sprintf("steps of round %d", round))
			}
			for i, step := range steps[:stop] {
				half := 0
				if round < interruptions && i == stop-1 {
					half = rapid.IntRange(0, 3).Draw(t, "part of "+step.Change().String())
				}
				w.play(t, step, half)
				w.holds(t, step)
			}
		}
		w.complete(t, s)
		if !slices.Equal(w.stored, []int{s.EncryptionVersion}) {
			t.Fatalf("Secrets are written with %v at the end, and the spec asks for %d", w.stored, s.EncryptionVersion)
		}
		for _, m := range w.Machines {
			if !m.Marker.EncryptionKeys.Writes(s.EncryptionVersion) {
				t.Fatalf("%s has %q at the end", m.Marker.Node, m.Marker.EncryptionKeys)
			}
		}
	})
}

// begin draws what the cluster was created with.
func (w *sealedWorld) begin(t *rapid.T, s *model.ClusterSpec) {
	s.EncryptionVersion = rapid.IntRange(0, 2).Draw(t, "version of the creation")
	w.stored = []int{s.EncryptionVersion}
	if s.EncryptionVersion > 0 {
		w.Record.EncryptionKeys = w.stored
	}
	for i := range w.Machines {
		w.Machines[i].Marker.EncryptionKeys = model.NewEncryptionKeys(s.EncryptionVersion)
	}
}

// change draws what happens between two runs.
func (w *sealedWorld) change(t *rapid.T, s *model.ClusterSpec) {
	s.EncryptionVersion += rapid.IntRange(0, 2).Draw(t, "raised by")
	if rapid.IntRange(0, 3).Draw(t, "another reason to roll") == 0 {
		s.ControlPlane.CPU = 6 - s.ControlPlane.CPU
	}
	well := func(m model.Machine) bool {
		return slices.ContainsFunc(w.members, func(e model.EtcdMember) bool { return e.Name == m.Marker.Node && e.Healthy() && !e.Learner })
	}
	ill := slices.ContainsFunc(w.Machines, func(m model.Machine) bool { return !well(m) })
	if len(w.Machines) == w.count && len(w.members) == w.count && w.count > 1 && !ill &&
		rapid.IntRange(0, 2).Draw(t, "a node is lost") == 0 {
		lost := w.Machines[rapid.IntRange(0, w.count-1).Draw(t, "which")].Marker.Node
		lose(w.Facts, lost)
		sick(w.members, lost)
		if !slices.ContainsFunc(w.members, func(e model.EtcdMember) bool { return e.Leader && e.Healthy() }) {
			i := slices.IndexFunc(w.members, model.EtcdMember.Healthy)
			w.members[i].Leader = true
		}
	}
}

func (w *sealedWorld) play(t *rapid.T, step model.Step, half int) {
	switch step := step.(type) {
	case model.CreateNode:
		// As the run does, before the node boots.
		w.Record.EncryptionKeys = plan.StoredKeys(w.Record.EncryptionKeys, step.First, step.EncryptionKeys)
	case model.RewriteSecrets:
		for _, m := range w.Machines {
			if !m.Marker.EncryptionKeys.Writes(step.Version) {
				t.Fatalf("%s has %q when Secrets are written with %d", m.Marker.Node, m.Marker.EncryptionKeys, step.Version)
			}
		}
		if half != 1 {
			w.stored = []int{step.Version}
		}
		if half == 0 {
			w.Record.EncryptionKeys = w.stored
		}
	}
	w.etcdWorld.play(t, step, half)
}

func (w *sealedWorld) holds(t *rapid.T, after model.Step) {
	w.etcdWorld.holds(t, after)
	for _, m := range w.Machines {
		w.stored = append(w.stored, m.Marker.EncryptionKeys.Versions()[0])
	}
	slices.Sort(w.stored)
	w.stored = slices.Compact(w.stored)
	for _, m := range w.Machines {
		for _, version := range w.stored {
			if !m.Marker.EncryptionKeys.Reads(version) {
				t.Fatalf("%s has %q after %s, and Secrets are written with %v", m.Marker.Node, m.Marker.EncryptionKeys, after.Change(), w.stored)
			}
		}
	}
}
