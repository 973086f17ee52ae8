package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// inFolderOf puts all VMs into a folder, which the record has.
func inFolderOf(f *model.Facts, folder string) *model.Facts {
	f.Record.Folder = folder
	for i := range f.Machines {
		f.Machines[i].Path = "/dc/vm/" + folder + "/" + f.Machines[i].Marker.Node
		f.Machines[i].Folder = "Folder:" + folder
	}
	return f
}

func TestVMsFollowTheirFolder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		folder string
		change func(*model.ClusterSpec, *model.Facts)
		vms    []string
	}{
		"unchanged":        {folder: "k8s/c"},
		"another spelling": {folder: "/dc/vm/k8s/c/"},
		"another folder":   {folder: "k8s/d", vms: []string{"vm-c-cp-1", "vm-c-w-1"}},
		"the datacenter's": {folder: "", vms: []string{"vm-c-cp-1", "vm-c-w-1"}},
		"a run was killed between two": {
			folder: "k8s/d", vms: []string{"vm-c-w-1"},
			change: func(_ *model.ClusterSpec, f *model.Facts) { f.Machines[0].Path = "/dc/vm/k8s/d/c-cp-1" },
		},
		"the folder was renamed in vCenter": {
			folder: "k8s/d", change: func(s *model.ClusterSpec, _ *model.Facts) { s.FolderRef = "Folder:k8s/c" },
		},
		"others have moved a VM": {
			folder: "k8s/c", change: func(_ *model.ClusterSpec, f *model.Facts) { f.Machines[0].Path = "/dc/vm/theirs/c-cp-1" },
		},
		"the ledger record is missing": {
			folder: "k8s/d", change: func(_ *model.ClusterSpec, f *model.Facts) { f.Record = model.Record{} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(1, 1)
			s.Folder = c.folder
			f := inFolderOf(running(1, 1), "k8s/c")
			if c.change != nil {
				c.change(s, f)
			}
			var vms []string
			for _, step := range plan.Cluster(s, f).Steps() {
				if move, ok := step.(model.MoveNodes); ok {
					vms = append(vms, move.VMs...)
				}
			}
			if !slices.Equal(vms, c.vms) {
				t.Errorf("moves %v, want %v", vms, c.vms)
			}
		})
	}
}

// What others have in the new folder is in the way of a VM of the same name.
func TestMoveIsRefusedWhereANameIsTaken(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.Folder = "k8s/d"
	l := limitsFor(s, 100)
	l.Site.Folder.VMs = map[string]string{"c-w-1": "/dc/vm/k8s/d/c-w-1", "other": "/dc/vm/k8s/d/other"}
	f := inFolderOf(running(1, 1), "k8s/c")
	p := checked(s, f, l)
	if len(p.Problems) != 1 || !says(on(p.Problems, model.ClusterField(model.FieldFolder)), "/dc/vm/k8s/d/c-w-1") {
		t.Errorf("problems %v", p.Problems)
	}
	f.Machines[1].Path = "/dc/vm/k8s/d/c-w-1" // it is the VM itself, which was moved already
	if p := checked(s, f, l); p.Err() != nil {
		t.Errorf("problems %v", p.Problems)
	}
}

// A folder that is none is refused on its attribute, before anything is moved.
func TestMoveNeedsItsFolder(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.Folder = "k8s/d"
	l := limitsFor(s, 100)
	field := model.ClusterField(model.FieldFolder)
	l.Findings.Refuse(field, "Not a folder", "A VM is in the way.")
	if p := checked(s, inFolderOf(running(1, 1), "k8s/c"), l); len(on(p.Problems, field)) != 1 {
		t.Errorf("problems %v", p.Problems)
	}
}
