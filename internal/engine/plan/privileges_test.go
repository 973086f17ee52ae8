package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// privilegedSite is where the clusters of these tests go.
func privilegedSite() model.Site {
	placement := model.ResolvedPlacement{Datastore: "ds", Network: model.Network{Ref: "net"}, ResourcePool: "pool"}
	return model.Site{
		Datacenter: "dc", Template: model.Template{Ref: "template", Path: "/dc/vm/node"}, Folder: model.Folder{Ref: "folder"},
		Placements: map[model.PlacementRef]model.ResolvedPlacement{
			{NodePool: model.ControlPlanePool}: placement,
			{NodePool: "w"}:                    placement,
		},
	}
}

func TestPrivilegesOfAPlan(t *testing.T) {
	t.Parallel()
	create := func(s *model.ClusterSpec, site model.Site) map[string][]string {
		s.New = true
		return plan.Privileges(s, &model.Facts{}, plan.Cluster(s, &model.Facts{}), site)
	}
	has := func(needed map[string][]string, object string, ids ...string) {
		t.Helper()
		for _, id := range ids {
			id, absent := strings.CutPrefix(id, "no ")
			if slices.Contains(needed[object], id) == absent {
				t.Errorf("on %s, %s is needed: %t; all are %q", object, id, !absent, needed[object])
			}
		}
	}
	needed := create(small(1, 1), privilegedSite())
	has(needed, "folder", "VirtualMachine.Inventory.CreateFromExisting", "VirtualMachine.Interact.PowerOff",
		"VirtualMachine.Config.Annotation",
		"no VirtualMachine.Inventory.Move", "no Folder.Create", "no VirtualMachine.Config.AddExistingDisk",
		"no VirtualMachine.Hbr.MonitorReplication")
	has(needed, "template", "VirtualMachine.Provisioning.DeployTemplate", "no VirtualMachine.Provisioning.Clone", "System.Read")
	has(needed, "ds", "Datastore.AllocateSpace", "no Datastore.FileManagement", "no Datastore.Browse")
	has(needed, "net", "Network.Assign")
	has(needed, "pool", "Resource.AssignVMToPool")

	s := small(1, 1)
	s.EtcdSnapshots = &model.EtcdSnapshots{}
	s.Packs = append(s.Packs, model.Pack{Name: "csi", Layer: model.LayerCSI})
	site := privilegedSite()
	site.Template.IsVM = true
	site.Folder = model.Folder{Parent: "above", Missing: []string{"k8s"}}
	needed = create(s, site)
	has(needed, "above", "Folder.Create", "Folder.Delete", "VirtualMachine.Inventory.CreateFromExisting",
		"VirtualMachine.Config.AddExistingDisk")
	has(needed, "template", "no VirtualMachine.Provisioning.DeployTemplate", "VirtualMachine.Provisioning.Clone")
	has(needed, "ds", "Datastore.FileManagement", "Datastore.Browse")

	// Of names that were not found, and of a plan that changes no VM, nothing is asked.
	if needed := create(small(1, 1), model.Site{}); len(needed) > 0 {
		t.Errorf("of an empty site: %v", needed)
	}
	labelled := small(1, 1)
	labelled.Workers[0].Meta.Labels = map[string]string{"a": "b"}
	facts := running(1, 1)
	if p := planned(labelled, facts); len(p.Steps()) == 0 || len(plan.Privileges(labelled, facts, p, privilegedSite())) > 0 {
		t.Errorf("for the steps %s the privileges are asked for", names(p))
	}
}

func TestMissingPrivilegesAreWarnedOf(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.New = true
	s.Folder = "k8s/prod"
	site := privilegedSite()
	site.Folder.Levels = []record.Folder{{Path: "k8s"}, {Path: "k8s/prod"}}
	limits := &model.Limits{
		User: "team-a@vsphere.local", Site: site,
		Lacks: map[string][]string{
			"ds":       {"Datastore.AllocateSpace"},
			"folder":   {"VirtualMachine.Interact.PowerOn", "VirtualMachine.Config.Memory", "VirtualMachine.Hbr.MonitorReplication"},
			"template": {},
		},
	}
	p := plan.Cluster(s, &model.Facts{})
	plan.Check(s, &model.Facts{}, p, limits)
	got := map[string]model.Finding{}
	for _, w := range p.Warnings {
		if strings.HasPrefix(w.Summary, "Privileges are missing on ") {
			got[w.Summary] = w
		}
	}
	folder := got[`Privileges are missing on folder "k8s/prod"`]
	datastore := got[`Privileges are missing on datastore "datastore"`]
	if len(got) != 2 || len(datastore.Fields) != 2 || !slices.Equal(folder.Fields, []model.Field{model.ClusterField(model.FieldFolder)}) {
		t.Fatalf("warnings %v", got)
	}
	for _, want := range []string{
		`The account "team-a@vsphere.local" lacks Virtual machine > Change Configuration > Change Memory (VirtualMachine.Config.Memory)`,
		"Virtual machine > Interaction > Power on (VirtualMachine.Interact.PowerOn)",
	} {
		if !strings.Contains(folder.Detail, want) || strings.Contains(folder.Detail, "Hbr") {
			t.Errorf("%s, want %q", folder.Detail, want)
		}
	}
}
