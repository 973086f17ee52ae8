package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// restartedAPI is an API during whose drain something may become of the members of etcd.
type restartedAPI struct {
	etcdAPI
	meanwhile  func(*restartedAPI)
	uncordoned []string
}

func (a *restartedAPI) DrainToRestart(context.Context, string, time.Duration) error {
	a.meanwhile(a)
	return nil
}

func (a *restartedAPI) Uncordon(_ context.Context, node string) error {
	a.uncordoned = append(a.uncordoned, node)
	return nil
}

func (a *restartedAPI) MoveEtcdLeader(context.Context, string) error { return nil }

func (a *restartedAPI) ControlPlanePods(context.Context) ([]model.ControlPlanePod, error) {
	var pods []model.ControlPlanePod
	for _, n := range a.nodes {
		for _, component := range model.ControlPlaneComponents() {
			pods = append(pods, model.ControlPlanePod{Node: n.Name, Component: component, Ready: true})
		}
	}
	return pods, nil
}

func (a *restartedAPI) TakeRenewalLease(context.Context, string) (model.LeaseHolder, error) {
	return model.LeaseHolder{}, nil
}

func (a *restartedAPI) ReleaseRenewalLease(context.Context) error { return nil }

// powerVCenter is a vCenter of which only the power of one VM is asked.
type powerVCenter struct {
	model.VCenter
	off int
}

var errPower = errors.New("no power")

func (v *powerVCenter) PowerOff(context.Context, string) (string, error) {
	v.off++
	return "", errPower
}

// A control-plane node is drained for long: the quorum is judged again before its power goes,
// also where the others were added by the same run. It takes pods again however that ends.
func TestQuorumIsJudgedAgainBeforeARestart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(*restartedAPI)
		members   uint64
		off       int
	}{
		"all are well":          {func(*restartedAPI) {}, 3, 1},
		"another one falls ill": {func(a *restartedAPI) { a.members[2].Error = "no answer" }, 3, 0},
		"it is alone":           {func(*restartedAPI) {}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &restartedAPI{meanwhile: c.meanwhile}
			for n := range c.members {
				name := model.NodeName("c", model.ControlPlanePool, int(n)+1)
				api.members = append(api.members, model.EtcdMember{ID: n + 1, Name: name})
				api.nodes = append(api.nodes, model.KubeNode{Name: name, Ready: true, ControlPlane: true})
			}
			vc := &powerVCenter{}
			api.members[len(api.members)-1].Leader = true
			node := machine("c-cp-1")
			node.Marker.Role = model.RoleControlPlane
			facts := &model.Facts{Machines: []model.Machine{node}} // as the run began
			err := run.Restart(t.Context(), facts, api, vc, model.RestartNode{Machine: node})
			if err == nil || errors.Is(err, errPower) != (c.off > 0) || vc.off != c.off {
				t.Errorf("powered off %d times: %v", vc.off, err)
			}
			if !strings.Contains(strings.Join(api.uncordoned, " "), "c-cp-1") {
				t.Errorf("uncordoned are %v", api.uncordoned)
			}
		})
	}
}

// phasesVCenter is a vCenter that shows one phase of a guest after the other.
type phasesVCenter struct {
	model.VCenter
	phases []string
}

func (v *phasesVCenter) Poll(context.Context, model.PollRequest) (*model.PollResult, error) {
	phase := v.phases[0]
	if len(v.phases) > 1 {
		v.phases = v.phases[1:]
	}
	return &model.PollResult{VMs: map[string]model.VMState{"vm": {PoweredOn: true, Phase: phase}}}, nil
}

// What a guest reported before it lost its power says nothing about what it does since.
func TestFailureOfBeforeTheRestartIsNotBelieved(t *testing.T) {
	t.Parallel()
	const failed = model.PhasePostFailed
	for name, c := range map[string]struct {
		phases []string
		stale  bool
		why    string
	}{
		"it passes":                 {[]string{failed, failed, model.PhasePost, model.PhaseJoined}, true, ""},
		"it fails again":            {[]string{failed, model.PhasePost, failed}, true, "a command of post_bootstrap failed"},
		"its key was cleared":       {[]string{failed, "", failed}, true, "a command of post_bootstrap failed"},
		"it was cleared before":     {[]string{failed}, false, "a command of post_bootstrap failed"},
		"it never says another one": {[]string{failed}, true, "did not report within"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := run.CommandsEnd(t.Context(), &phasesVCenter{phases: c.phases}, c.stale)
			if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}
