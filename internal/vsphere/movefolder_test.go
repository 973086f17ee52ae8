package vsphere_test

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// One task moves all VMs that are elsewhere, and one that is gone is none.
func TestVMsAreMovedIntoAFolderInOneTask(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	there := v.cloneOff(request(site, "there"))
	vms := []string{there, v.cloneOff(request(site, "one")), v.cloneOff(request(site, "two")), "VirtualMachine:vm-404"}
	other := v.cloneOff(request(site, "other"))
	v.must(v.MoveVM("there", "/dc-1/vm/k8s/new"))
	folder, err := v.createFolder(site.Datacenter, "k8s/new")
	v.must(err)
	var task string
	calls := v.calls(func() {
		task, err = v.client.MoveIntoFolder(t.Context(), folder, vms)
		v.must(err)
	})
	if calls.Total != 2 || calls.SOAP["MoveIntoFolder_Task"] != 1 {
		t.Errorf("took %+v", calls)
	}
	v.must(v.finish(task).Err)
	survey := v.survey(names(func(n *model.Names) { n.Folder = "k8s/new" }))
	if vms := survey.Site.Folder.VMs; len(vms) != 3 || vms["one"] != "/dc-1/vm/k8s/new/one" {
		t.Errorf("in the folder are %v", vms)
	}
	for _, m := range survey.Machines {
		want := m.Ref != other
		if got := path.Dir(m.Path) == "/dc-1/vm/k8s/new"; got != want {
			t.Errorf("%s is at %s", m.Ref, m.Path)
		}
	}
	calls = v.calls(func() {
		task, err = v.client.MoveIntoFolder(t.Context(), folder, vms)
		v.must(err)
	})
	if task != "" || calls.Total != 1 {
		t.Errorf("nothing to move: task %q, calls %+v", task, calls)
	}
}

func TestMoveOfVMsWithoutPrivilegeOrPlace(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	vm := v.cloneOff(request(site, "n1"))
	folder, err := v.createFolder(site.Datacenter, "k8s/new")
	v.must(err)
	v.DenyPrivilege("", "VirtualMachine.Inventory.Move")
	_, err = v.client.MoveIntoFolder(t.Context(), folder, []string{vm})
	if !errors.Is(err, model.ErrPermission) || !strings.Contains(err.Error(), "VirtualMachine.Inventory.Move") {
		t.Errorf("without the privilege: %v", err)
	}
	v.RestorePrivileges()

	v.must(v.MoveVM("n1", "/dc-1/vm/elsewhere"))
	v.cloneOff(request(site, "n1", func(r *model.CloneRequest) { r.Folder = folder }))
	task, err := v.client.MoveIntoFolder(t.Context(), folder, []string{vm})
	v.must(err)
	if state := v.finish(task); !errors.Is(state.Err, model.ErrExists) || !strings.Contains(state.Err.Error(), "/dc-1/vm/k8s/new/n1") {
		t.Errorf("a VM of the name is there: %v", state.Err)
	}
}
