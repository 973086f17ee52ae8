package run_test

import (
	"context"
	"errors"
	"slices"
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
				name := model.NodeName("", "c", model.ControlPlanePool, int(n)+1)
				api.members = append(api.members, model.EtcdMember{ID: n + 1, Name: name})
				api.nodes = append(api.nodes, model.KubeNode{Name: name, Ready: true, ControlPlane: true})
			}
			vc := &powerVCenter{}
			api.members[len(api.members)-1].Leader = true
			node := machine("c-cp-1")
			node.Marker.Role = model.RoleControlPlane
			facts := &model.Facts{Machines: []model.Machine{node}} // as the run began
			failed, _ := run.Restart(t.Context(), facts, api, vc, model.RestartNode{Machine: node})
			err := errors.Join(failed...)
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

// restartedVCenter is a vCenter whose guests fail again after each restart.
type restartedVCenter struct {
	model.VCenter
	started []string
}

func (v *restartedVCenter) PowerOff(context.Context, string) (string, error) { return "", nil }

func (v *restartedVCenter) PowerOn(_ context.Context, vm string) (string, error) {
	v.started = append(v.started, vm)
	return "", nil
}

func (v *restartedVCenter) Poll(_ context.Context, req model.PollRequest) (*model.PollResult, error) {
	res := &model.PollResult{VMs: map[string]model.VMState{}}
	for _, vm := range req.VMs {
		state := model.VMState{}
		if slices.Contains(v.started, vm) {
			state = model.VMState{PoweredOn: true, Phase: model.PhasePostFailed}
		}
		res.VMs[vm] = state
	}
	return res, nil
}

// A command that fails again on a node that is back stops neither the restart of others nor a
// rollout. A node that does not come back does.
func TestCommandThatFailsAgainStopsNothing(t *testing.T) {
	t.Parallel()
	for back, want := range map[bool]int{true: 2, false: 1} {
		api := &restartedAPI{meanwhile: func(*restartedAPI) {}}
		facts := &model.Facts{API: model.APIFacts{Nodes: map[string]model.KubeNode{"c-cp-1": {Ready: true}}}}
		var steps []model.Step
		for _, name := range []string{"c-w-1", "c-w-2"} {
			api.nodes = append(api.nodes, model.KubeNode{Name: name, Ready: back})
			steps = append(steps, model.RestartNode{Machine: machine(name)})
		}
		vc := &restartedVCenter{}
		failed, stopped := run.Restart(t.Context(), facts, api, vc, steps...)
		if len(failed) != want || len(vc.started) != want || stopped == back {
			t.Errorf("back %t: started %v, stopped %t: %v", back, vc.started, stopped, failed)
		}
	}
}
