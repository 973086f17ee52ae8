package plan

import (
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// vmTagSteps give VMs the tags that they lack: new ones all, and the others what the record
// does not have or what was taken from them.
func vmTagSteps(v view, builds bool) []model.Step {
	rec := v.facts.Record
	step := []model.Step{model.UpdateVMTags{Cluster: v.spec.Name}}
	wanted, known := v.spec.VMTagIDs(rec)
	switch {
	case len(v.spec.VMTags) == 0 && len(rec.VMTags) == 0:
		return nil
	case builds && len(v.spec.VMTags) > 0, !known, !sameVMTags(wanted, rec.VMTags):
		return step
	}
	for _, m := range v.facts.VMs() {
		if (m.Marker.LoadBalancer() || v.stays(m)) && v.facts.VMTagsRead && !hasVMTags(m, wanted) {
			return step
		}
	}
	return nil
}

// vmTagStage comes when the VMs of some steps are there, so that one call a tag is for all of
// them.
func vmTagStage(v view, before []model.Step) model.Stage {
	return model.Stage{Name: "tags of VMs", OnFailure: model.Continue, Steps: vmTagSteps(v, buildsVM(before))}
}

// rolloutStages roll one pool after the other, and give the new VMs their tags.
func rolloutStages(v view, pools []nodePoolPlan) []model.Stage {
	var all []model.Stage
	for _, pool := range lateRollouts(v, pools) {
		all = append(all, pool.rollout...)
	}
	if steps := (&model.Plan{Stages: all}).Steps(); buildsVM(steps) {
		all = append(all, vmTagStage(v, steps))
	}
	return stages(all...)
}

func sameVMTags(wanted []uuid.UUID, recorded []record.VMTag) bool {
	return len(wanted) == len(recorded) && !slices.ContainsFunc(recorded, func(t record.VMTag) bool {
		return !slices.Contains(wanted, t.ID)
	})
}

func hasVMTags(m model.Machine, wanted []uuid.UUID) bool {
	return !slices.ContainsFunc(wanted, func(id uuid.UUID) bool { return !slices.Contains(m.VMTags, id) })
}

// buildsVM reports whether steps make a VM.
func buildsVM(steps []model.Step) bool {
	return slices.ContainsFunc(steps, func(step model.Step) bool {
		switch step.(type) {
		case model.CreateNode, model.CreateLoadBalancer, model.ReplaceLoadBalancer:
			return true
		}
		return false
	})
}

// vmTagNamesDiffer reports whether a tag has another name than when it was last given.
func vmTagNamesDiffer(spec *model.ClusterSpec, facts *model.Facts) bool {
	_, known := spec.VMTagIDs(facts.Record)
	return !known
}

func changesVMTags(step model.Step) bool {
	_, ok := step.(model.UpdateVMTags)
	return ok
}

// objectsAttachableAPI is the first version of vCenter in which an object has a say in which
// tags it gets.
var objectsAttachableAPI = []int{7, 0}

// tagsObjects reports whether the plan needs the privilege to tag VMs.
func (c check) tagsObjects() bool {
	version := parseAPI(c.limits.APIVersion)
	return slices.ContainsFunc(c.plan.Steps(), changesVMTags) &&
		(len(version) == 0 || slices.Compare(version, objectsAttachableAPI) >= 0)
}

// vmTags refuse tags that cannot be given to the cluster's VMs.
func (c check) vmTags() model.Findings {
	var f model.Findings
	at := model.ClusterField(model.FieldVMTags)
	if !slices.ContainsFunc(c.plan.Steps(), changesVMTags) {
		return f
	}
	found := c.limits.VMTags.Found
	for i, tag := range found {
		if tag.Problem != "" {
			f.Refuse(at, tag.Summary, "%s", tag.Problem)
			continue
		}
		for _, other := range found[:i] {
			if tag.Single && other.Category == tag.Category && other.ID != tag.ID && other.Problem == "" {
				f.Refuse(at, "Two tags of one category",
					"%q and %q are of the same category, of which an object can have only one tag. Choose one of them.", other.Path, tag.Path)
			}
		}
		f.Add(c.vmTagRivals(tag))
	}
	return f
}

// vmTagRivals refuse a tag where VMs have another one in its place, which is not Gantry's to
// take from them.
func (c check) vmTagRivals(tag model.FoundVMTag) model.Findings {
	var f model.Findings
	var vms []string
	for _, m := range c.facts.VMs() {
		for _, id := range c.limits.VMTags.On[m.Ref] {
			if slices.Contains(tag.Rivals, id) && !givenVMTag(c.facts.Record, m, id) {
				vms = append(vms, m.Marker.Node)
				break
			}
		}
	}
	if len(vms) > 0 {
		f.Refuse(model.ClusterField(model.FieldVMTags), "VMs have another tag of the category",
			"The VMs of %s have another tag of the category of %q, of which an object can have only one, and Gantry has not put it there. "+
				"Take it from them in the vSphere Client, or leave %q out.", model.Listed(vms), tag.Path, tag.Path)
	}
	return f
}

// givenVMTag reports whether a VM has a tag from Gantry.
func givenVMTag(rec model.Record, m model.Machine, id uuid.UUID) bool {
	i := slices.IndexFunc(rec.VMTags, func(t record.VMTag) bool { return t.ID == id })
	return i >= 0 && GivenVMTag(rec.VMTags[i], m.Marker)
}

// GivenVMTag reports whether a VM that has a tag of the record has it from Gantry. What a VM
// has that was built since then, it has from Gantry or from its template.
func GivenVMTag(tag record.VMTag, m model.Marker) bool {
	return !slices.Contains(tag.Others[m.NodePool], m.Ordinal)
}
