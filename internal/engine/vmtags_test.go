package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// makeTag makes a tag of a category for VMs.
func (w *world) makeTag(path, cardinality string) (id string) {
	w.t.Helper()
	category, name, _ := strings.Cut(path, "/")
	id, err := w.sim.MakeTag(category, name, cardinality, "VirtualMachine", "Folder")
	w.must(err)
	return id
}

func vmTags(names ...string) []model.VMTag {
	var tags []model.VMTag
	for _, name := range names {
		tags = append(tags, model.VMTag{Name: name})
	}
	return tags
}

// tagged fails unless a VM has the tags and no others.
func (w *world) tagged(vm string, want ...string) {
	w.t.Helper()
	if got := w.sim.VMTags(vm); !slices.Equal(got, want) {
		w.t.Errorf("%s has the tags %v, want %v", vm, got, want)
	}
}

// TestVMTagsAreGivenAndKept gives all VMs of a cluster its tags with one call a tag, puts back
// what an administrator takes away, gives them to new VMs, and takes from VMs only what it gave them.
func TestVMTagsAreGivenAndKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	daily := w.makeTag("backup/daily", "SINGLE")
	w.makeTag("backup/weekly", "SINGLE")
	gold := w.makeTag("tier/gold", "MULTIPLE")
	audit := w.makeTag("tier/audit", "MULTIPLE")
	spec := w.spec(1, 2)
	spec.VMTags = vmTags("backup/daily", gold)
	w.sim.ResetCalls()
	spec, secrets, out := w.applied(spec)
	if n := w.sim.Calls().REST["POST tag-association/id?attach-tag-to-multiple-objects"]; n != 2 {
		t.Errorf("%d calls for two tags", n)
	}
	if !slices.ContainsFunc(out.Changes, func(c model.Change) bool { return c.String() == "update_vm_tags prod" }) {
		t.Errorf("changes are %v", out.Changes)
	}
	nodes := []string{"prod-cp-1", "prod-general-1", "prod-general-2"}
	for _, vm := range nodes {
		w.tagged(vm, "backup/daily", "tier/gold")
	}
	w.must(w.sim.TagVM("prod-general-1", audit, true))
	if _, p := w.refreshed(spec, secrets); !p.Empty() {
		t.Fatalf("planned %v", actions(p))
	}

	w.must(w.sim.TagVM("prod-general-2", daily, false))
	if _, p := w.refreshed(spec, secrets); !slices.Equal(actions(p), []string{"update_vm_tags prod"}) {
		t.Fatalf("after an administrator took a tag away, planned %v", actions(p))
	}
	spec = w.again(spec, secrets)
	w.tagged("prod-general-2", "backup/daily", "tier/gold")
	w.tagged("prod-general-1", "backup/daily", "tier/audit", "tier/gold")

	// The same tags by other names are no change; of a category with one tag the old one goes.
	spec.VMTags = vmTags(daily, "tier/gold")
	if _, p := w.refreshed(spec, secrets); !p.Empty() {
		t.Fatalf("other names of the same tags: planned %v", actions(p))
	}
	spec.VMTags = vmTags("backup/weekly", "tier/audit")
	spec.Workers[0].Count = 3
	_, p := w.refreshed(spec, secrets)
	if got := actions(p); !slices.Contains(got, "update_vm_tags prod") || len(p.Problems) > 0 {
		t.Fatalf("planned %v, %v", got, p.Problems)
	}
	spec = w.again(spec, secrets)
	for _, vm := range append(nodes, "prod-general-3") {
		w.tagged(vm, "backup/weekly", "tier/audit")
	}
	spec.VMTags = nil
	spec = w.again(spec, secrets)
	w.tagged("prod-cp-1")
	w.tagged("prod-general-1", "tier/audit") // which it had before
	if rec := w.record(); len(rec.VMTags) > 0 {
		t.Errorf("the record has %v", rec.VMTags)
	}
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
}

// TestVMTagsOfARoll gives the VMs of a roll their tags, too.
func TestVMTagsOfARoll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.makeTag("tier/gold", "MULTIPLE")
	spec := w.spec(1, 1)
	spec.VMTags = vmTags("tier/gold")
	spec, secrets, _ := w.applied(spec)
	spec.Workers[0].CPU = 4
	_, p := w.refreshed(spec, secrets)
	if got := actions(p); got[len(got)-1] != "update_vm_tags prod" {
		t.Fatalf("planned %v", got)
	}
	spec = w.again(spec, secrets)
	w.tagged("prod-general-2", "tier/gold")
	if _, p := w.refreshed(spec, secrets); !p.Empty() {
		t.Errorf("then planned %v", actions(p))
	}
}

// TestVMTagsAreJudgedByThePlan refuses what no VM can be given.
func TestVMTagsAreJudgedByThePlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.makeTag("backup/daily", "SINGLE")
	weekly := w.makeTag("backup/weekly", "SINGLE")
	w.makeTag("tier/gold/a", "MULTIPLE")
	spec, secrets, _ := w.applied(w.spec(1, 1))
	_, err := w.sim.MakeTag("rack", "1", "MULTIPLE", "HostSystem")
	w.must(err)
	_, err = w.sim.MakeTag("tier/gold", "a", "MULTIPLE")
	w.must(err)
	for _, c := range []struct {
		tags []string
		want string
	}{
		{[]string{"backup/hourly"}, `The category "backup" of vCenter ` + w.sim.Server() + ` has no tag "hourly"`},
		{[]string{"nothing/hourly"}, "no category of tags by which"},
		{[]string{"urn:vmomi:InventoryServiceTag:11111111-1111-4111-8111-111111111111:GLOBAL"}, "has no tag with the id"},
		{[]string{"rack/1"}, `is for objects of the types "HostSystem"`},
		{[]string{"tier/gold/a"}, "means 2 tags"},
		{[]string{"backup/daily", "backup/weekly"}, "of which an object can have only one tag"},
	} {
		spec.VMTags = vmTags(c.tags...)
		_, p := w.refreshed(spec, secrets)
		if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, c.want) ||
			p.Problems[0].Fields[0] != model.ClusterField(model.FieldVMTags) {
			t.Errorf("%v: %v", c.tags, p.Problems)
		}
	}
	w.must(w.sim.TagVM("prod-general-1", weekly, true))
	spec.VMTags = vmTags("backup/daily")
	_, p := w.refreshed(spec, secrets)
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, "The VMs of prod-general-1 have another tag of the category") {
		t.Errorf("%v", p.Problems)
	}
}

// TestVMTagsOfAnInterruptedRun shows that what a run that was killed has given is Gantry's,
// and that what was there before is not.
func TestVMTagsOfAnInterruptedRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	gold := w.makeTag("tier/gold", "MULTIPLE")
	spec, secrets, _ := w.applied(w.spec(1, 1))
	w.must(w.sim.TagVM("prod-cp-1", gold, true))
	spec.VMTags = vmTags("tier/gold")
	w.must(w.sim.AddFault(simulator.Fault{
		Kind: simulator.DropAfter, Call: "POST tag-association/id?attach-tag-to-multiple-objects", Times: -1,
	}))
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil {
		t.Fatal("nothing failed")
	}
	w.tagged("prod-general-1", "tier/gold")
	w.sim.ClearFaults()
	spec = w.again(spec, secrets)
	spec.VMTags = nil
	spec = w.again(spec, secrets)
	w.tagged("prod-cp-1", "tier/gold")
	w.tagged("prod-general-1")
}

// TestVMTagsNeedPrivileges warns in the plan of what the account lacks on the folder, and says
// in the apply what it lacks on tags.
func TestVMTagsNeedPrivileges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Users: map[string]string{teamUser: teamPassword}})
	w.grantRoles()
	w.makeTag("tier/gold", "MULTIPLE")
	e := w.teamEngine()
	spec, secrets := w.spec(1, 1), newSecrets(t)
	spec.VMTags = vmTags("tier/gold")
	p, err := e.PlanCreation(t.Context(), spec, unknownFormer)
	w.must(err)
	if !slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
		return strings.Contains(f.Detail, "InventoryService.Tagging.ObjectAttachable")
	}) {
		t.Errorf("warned of %v", p.Warnings)
	}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "Assign or Unassign vSphere Tag on the tag") || !out.APIReached {
		t.Fatalf("%v", err)
	}
	w.must(w.sim.Grant(teamUser, []string{"InventoryService.Tagging.AttachTag"}, true, simulator.GlobalPermission))
	spec = kept(spec, out)
	// vCenter answers that the call was made, and that it refused every VM.
	_, err = e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "vCenter refuses some of them") ||
		!strings.Contains(err.Error(), "Assign or Unassign vSphere Tag on Object") {
		t.Fatalf("%v", err)
	}
	w.must(w.sim.Grant(teamUser, []string{"InventoryService.Tagging.ObjectAttachable"}, true, "/dc-1/vm/k8s/prod"))
	if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	w.tagged("prod-cp-1", "tier/gold")
}

// TestVMTagsOfAVMThatIsHiddenForAWhile leaves an administrator's tag on a VM that no run saw in
// between, and takes Gantry's own from one that was hidden when it left the spec.
func TestVMTagsOfAVMThatIsHiddenForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	gold := w.makeTag("tier/gold", "MULTIPLE")
	w.makeTag("tier/audit", "MULTIPLE")
	own := w.makeTag("tier/own", "MULTIPLE")
	w.makeTag("tier/late", "MULTIPLE")
	spec, secrets, _ := w.applied(w.spec(1, 2))
	w.must(w.sim.TagVM("prod-general-1", gold, true))
	spec.VMTags = vmTags("tier/gold", "tier/audit")
	spec = w.again(spec, secrets)
	w.must(w.sim.TagVM("prod-general-1", own, true))

	w.disappear("prod-general-1")
	spec.VMTags = vmTags("tier/gold", "tier/own", "tier/late")
	spec = w.again(spec, secrets)
	if _, p := w.refreshed(spec, secrets); slices.Contains(actions(p), "update_vm_tags prod") {
		t.Errorf("while a VM is hidden, planned %v", actions(p))
	}
	w.sim.RestorePrivileges()
	if _, p := w.refreshed(spec, secrets); !slices.Contains(actions(p), "update_vm_tags prod") {
		t.Errorf("once it is shown, planned %v", actions(p))
	}
	spec = w.again(spec, secrets)
	w.tagged("prod-general-1", "tier/gold", "tier/late", "tier/own")
	spec.VMTags = nil
	spec = w.again(spec, secrets)
	w.tagged("prod-general-1", "tier/gold", "tier/own")
	w.tagged("prod-general-2")
	if rec := w.record(); len(rec.VMTags) > 0 {
		t.Errorf("the record has %v", rec.VMTags)
	}
}

// TestVMTagsOfAVMThatIsBuiltAnew takes a tag from a VM that has it from Gantry, although the
// VM before it with its name had it from an administrator.
func TestVMTagsOfAVMThatIsBuiltAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	gold := w.makeTag("tier/gold", "MULTIPLE")
	spec, secrets, _ := w.applied(w.leased(1, 1))
	w.must(w.sim.TagVM("prod-lb", gold, true))
	spec.VMTags = vmTags("tier/gold")
	spec = w.again(spec, secrets)
	spec.LoadBalancer.MemoryGB = 4
	if _, p := w.refreshed(spec, secrets); !slices.Contains(actions(p), "replace_load_balancer prod-lb") {
		t.Fatalf("planned %v", actions(p))
	}
	spec = w.again(spec, secrets)
	w.tagged("prod-lb", "tier/gold")
	spec.VMTags = nil
	w.again(spec, secrets)
	w.tagged("prod-lb")
}

// TestVMTagsWithoutARecord counts as Gantry's what the spec asks for where the record was lost.
func TestVMTagsWithoutARecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.makeTag("tier/gold", "MULTIPLE")
	spec := w.spec(1, 1)
	spec.VMTags = vmTags("tier/gold")
	spec, secrets, _ := w.applied(spec)
	w.loseRecord(spec)
	spec = w.again(spec, secrets)
	spec.VMTags = nil
	w.again(spec, secrets)
	w.tagged("prod-cp-1")
	w.tagged("prod-general-1")
}

// TestVMTagsThatMayNoLongerBeRead is a problem of the attribute, and no end of observing.
func TestVMTagsThatMayNoLongerBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	gold := w.makeTag("tier/gold", "MULTIPLE")
	spec := w.spec(1, 1)
	spec.VMTags = vmTags("tier/gold")
	spec, secrets, _ := w.applied(spec)
	w.sim.HideTag(gold)
	spec.Workers[0].Count = 2
	_, p := w.refreshed(spec, secrets)
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, `has no tag "gold" that the account`) ||
		p.Problems[0].Fields[0] != model.ClusterField(model.FieldVMTags) {
		t.Errorf("%v", p.Problems)
	}
}
