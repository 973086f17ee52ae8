package vsphere_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// hide takes from the client's user what it needs to see the VMs in a folder.
func (v *vcenter) hide(name string) {
	v.t.Helper()
	v.must(v.MoveVM(name, "/dc-1/vm/hidden"))
	v.must(v.DenyPrivilegeOn(v.Username(), "System.View", "/dc-1/vm/hidden"))
	v.must(v.DenyPrivilegeOn(v.Username(), "System.Read", "/dc-1/vm/hidden"))
}

func TestMissingMachinesAreToldApart(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	kept := v.clone(request(site, "kept"))
	hidden := v.clone(request(site, "hidden"))
	gone := v.clone(request(site, "gone"))
	v.hide("hidden")
	v.must(v.DeleteVM("gone"))
	req := model.SurveyRequest{Cluster: clusterID, Known: []string{kept, hidden, gone}}
	survey := func(want int) *model.Survey {
		t.Helper()
		var s *model.Survey
		calls := v.calls(func() {
			var err error
			s, err = v.client.Survey(t.Context(), req)
			v.must(err)
		})
		if calls.Total != want {
			t.Errorf("%d calls, want %d", calls.Total, want)
		}
		return s
	}
	s := survey(2)
	if len(s.Machines) != 1 || s.Machines[0].Ref != kept || len(s.Unseen) != 1 || !strings.Contains(s.Unseen[hidden], "System.View") {
		t.Fatalf("machines %v, unseen %v", s.Machines, s.Unseen)
	}

	// A vCenter may refuse the whole read for it.
	v.must(v.AddFault(simulator.Fault{
		Kind: simulator.RefuseCall, Call: "RetrievePropertiesEx", Nth: 2, Fault: "NoPermission", Privilege: "System.Read", Object: hidden,
	}))
	if s = survey(3); len(s.Machines) != 1 || !strings.Contains(s.Unseen[hidden], "System.Read") {
		t.Fatalf("machines %v, unseen %v", s.Machines, s.Unseen)
	}
	v.ClearFaults()

	// One that can be read, and not reached.
	v.RestorePrivileges()
	req.MaxAge = time.Hour // the tree that was read without it
	if s = survey(1); len(s.Machines) != 1 || !strings.Contains(s.Unseen[hidden], "a folder or vApp above it") {
		t.Fatalf("machines %v, unseen %v", s.Machines, s.Unseen)
	}
	req.MaxAge = 0
	if s = survey(2); len(s.Machines) != 2 || len(s.Unseen) != 0 {
		t.Fatalf("machines %v, unseen %v", s.Machines, s.Unseen)
	}
}

// A machine whose details may not be read is not one that was deleted.
func TestMachineThatMayNotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	v := start(t)
	vm := v.clone(request(v.site(), "prod-cp-1"))
	v.must(v.AddFault(simulator.Fault{
		Kind: simulator.RefuseCall, Call: "RetrievePropertiesEx", Nth: 2, Fault: "NoPermission", Privilege: "System.Read", Object: vm,
	}))
	_, err := v.client.Survey(t.Context(), model.SurveyRequest{Cluster: clusterID})
	if err == nil || !strings.Contains(err.Error(), "prod-cp-1") || !strings.Contains(err.Error(), "System.Read") {
		t.Fatalf("got %v", err)
	}
}

func TestPollShowsToolsAndWhetherTheGuestMayReport(t *testing.T) {
	t.Parallel()
	v := start(t)
	vm := v.clone(request(v.site(), "prod-cp-1"))
	v.must(v.SetVMOption("prod-cp-1", "isolation.tools.setinfo.disable", "true"))
	res, err := v.client.Poll(t.Context(), model.PollRequest{VMs: []string{vm}})
	v.must(err)
	if state := res.VMs[vm]; !state.PoweredOn || state.ToolsRunning || !state.Silenced {
		t.Fatalf("state %+v", state)
	}
}

// A folder that looks empty, and in which there is a VM that may not be seen, stays, and
// the VM with it.
func TestFolderWithAHiddenVMIsNotDeleted(t *testing.T) {
	t.Parallel()
	v := start(t)
	v.clone(request(v.site(), "theirs"))
	v.must(v.MoveVM("theirs", "/dc-1/vm/k8s/prod"))
	v.must(v.DenyPrivilegeOn(v.Username(), "System.View", "/dc-1/vm/k8s/prod/theirs"))
	_, err := v.deleteFolder(v.site().Datacenter, "k8s/prod")
	if !errors.Is(err, model.ErrPermission) {
		t.Errorf("got %v", err)
	}
	v.RestorePrivileges()
	v.must(v.PowerOffVM("theirs")) // which is still there
}

// A known VM that nothing says to be the cluster's any more runs on: it is not gone. Its name is
// another's node.
func TestAKnownMachineOfAnotherMarkerIsNotGone(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	vm := v.clone(request(site, "w-1"))
	other := uuid.New()
	s, err := v.client.Survey(t.Context(), model.SurveyRequest{
		Cluster: other, Known: []string{vm}, Folder: site.Folder.Ref, Name: "w-1",
	})
	v.must(err)
	if len(s.Machines) != 0 || !strings.Contains(s.Unseen[vm], "has lost the marker") {
		t.Errorf("machines %v, unseen %v", s.Machines, s.Unseen)
	}
	if !strings.HasSuffix(s.Holder, "/w-1") || s.HolderOf == nil || s.HolderOf.Cluster != clusterID {
		t.Errorf("the name has %s: %+v", s.Holder, s.HolderOf)
	}
}
