package run_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

func TestDiagnosisSaysWhatTheSignsMean(t *testing.T) {
	t.Parallel()
	on := model.VMState{PoweredOn: true, ToolsRunning: true, Userdata: true}
	for name, c := range map[string]struct {
		change func(*model.VMState)
		want   []string
		not    string
	}{
		"off": {func(s *model.VMState) { s.PoweredOn = false }, []string{"is powered off", "events"}, "tools"},
		"off after it has reported": {func(s *model.VMState) {
			s.PoweredOn, s.Phase, s.LogTail = false, model.PhaseKubeadm, "preflight"
		}, []string{"is powered off", "preflight"}, "reported the phase"},
		"no tools": {
			func(s *model.VMState) { s.ToolsRunning = false },
			[]string{"guest tools do not run", "open-vm-tools", "console"},
			"cloud-init",
		},
		"userdata not read": {
			func(*model.VMState) {},
			[]string{"has not read its bootstrap data", "datasource VMware", "datasource_list"},
			"network",
		},
		"userdata read, mute": {
			func(s *model.VMState) { s.Userdata = false },
			[]string{"no phase was reported", "network: {config: disabled}", "/etc/netplan"},
			"datasource_list",
		},
		"read without tools": {
			func(s *model.VMState) { s.Userdata, s.ToolsRunning = false, false },
			[]string{"guest tools do not run"},
			"datasource_list",
		},
		"the guest is silenced": {
			func(s *model.VMState) { s.Silenced = true },
			[]string{"isolation.tools.setinfo.disable", "cloud-init-output.log"},
			"datasource",
		},
		"a phase": {func(s *model.VMState) {
			s.Phase, s.LogTail = model.PhaseKubeadm, "couldn't validate the identity"
		}, []string{`the phase "kubeadm"`, "The end of its log:\ncouldn't validate"}, "template"},
		"a phase without a log": {func(s *model.VMState) { s.Phase = "booting" }, []string{`the phase "booting"`}, "log"},
	} {
		state := on
		c.change(&state)
		got := run.Diagnosis(state, false)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in: %s", name, want, got)
			}
		}
		if strings.Contains(got, c.not) {
			t.Errorf("%s: %q in: %s", name, c.not, got)
		}
	}
	for stays, want := range map[bool]string{false: "builds it again", true: "powers it on"} {
		if got := run.Diagnosis(model.VMState{}, stays); !strings.Contains(got, want) {
			t.Errorf("stays %t: %s", stays, got)
		}
	}
	err := &run.BootError{Node: "prod-w-1", Why: "did not join within 20m0s", State: on}
	if !strings.HasPrefix(err.Error(), "node prod-w-1 did not join within 20m0s. The system runs") {
		t.Errorf("got %s", err)
	}
}
