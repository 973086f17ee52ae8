package observe

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// TestOnlyTheClustersOwnUnreadableVMsCount has VMs that cannot be read in several folders, with
// names that both of two clusters may give.
func TestOnlyTheClustersOwnUnreadableVMsCount(t *testing.T) {
	t.Parallel()
	survey := &model.Survey{Unreadable: []model.UnreadableVM{
		{Ref: "VirtualMachine:vm-1", Name: "w-1", Path: "/dc/vm/other/w-1", Folder: "Folder:other"},
		{Ref: "VirtualMachine:vm-2", Name: "w-2", Path: "/dc/vm/k8s/w-2", Folder: "Folder:k8s"},
		{Ref: "VirtualMachine:vm-3", Name: "renamed", Path: "/dc/vm/other/renamed", Folder: "Folder:other"},
		{Ref: "VirtualMachine:vm-4", Name: "w-4", Path: "/dc/host/x/Resources/app/w-4"},
		{Ref: "VirtualMachine:vm-5", Name: "w-5", Path: "/dc/vm/moved/w-5", Folder: "Folder:moved"},
	}}
	known := []model.KnownMachine{{Node: "w-3", Ref: "VirtualMachine:vm-3"}}
	recorded := model.Record{Found: true, Cluster: record.Cluster{Folder: "k8s"}}
	for name, c := range map[string]struct {
		req      request
		machines []model.Machine
		want     []string
	}{
		"by the record": {request{record: recorded}, nil, []string{"w-2", "w-3", "w-4"}},
		"by the spec":   {request{names: &model.Names{Folder: "/dc/vm/k8s/"}}, nil, []string{"w-2", "w-3", "w-4"}},
		"by where other VMs are": {
			request{record: recorded}, []model.Machine{{Folder: "Folder:moved"}}, []string{"w-2", "w-3", "w-4", "w-5"},
		},
		"the folder is not known":        {request{}, nil, []string{"w-1", "w-2", "w-3", "w-4", "w-5"}},
		"the folder is the datacenter's": {request{names: &model.Names{}}, nil, []string{"w-3", "w-4"}},
	} {
		survey.Machines = c.machines
		if got := unreadableNames(c.req, known, survey); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}

	var w World
	w.addMissing(known, survey)
	if len(w.Facts.Gone) > 0 {
		t.Errorf("gone: %v", w.Facts.Gone)
	}
}
