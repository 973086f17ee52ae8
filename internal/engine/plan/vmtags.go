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
	case builds && len(v.spec.VMTags) > 0, !known, !recordsVMTags(rec.VMTags, wanted):
		return step
	}
	left := slices.DeleteFunc(slices.Clone(rec.VMTags), func(t record.VMTag) bool { return slices.Contains(wanted, t.ID) })
	hidden := len(HiddenVMs(v.nodeNames, rec.Counters, v.facts)) > 0
	if len(left) > 0 && !(hidden && v.facts.VMTagsRead) {
		return step
	}
	for _, m := range v.facts.VMs() {
		lacks := (m.Marker.LoadBalancer() || v.stays(m)) && !hasVMTags(m, wanted)
		if v.facts.VMTagsRead && (lacks || hasLeftVMTag(m, left)) {
			return step
		}
	}
	return nil
}

// HiddenVMs are the VMs of a cluster that may be there although vCenter shows none of them
// now, as far as their names tell; counters are those of the cluster's record.
func HiddenVMs(of model.NodeNames, counters map[string]int, facts *model.Facts) []model.Marker {
	names := slices.Clone(facts.Unreadable)
	for _, m := range facts.Unseen {
		names = append(names, m.Node)
	}
	var hidden []model.Marker
	for _, name := range names {
		if name == of.LoadBalancer() {
			hidden = append(hidden, model.Marker{Node: name, NodePool: model.LoadBalancerPool})
		}
		for _, pool := range sortedKeys(counters) {
			if n := of.Ordinal(pool, name); n > 0 {
				hidden = append(hidden, model.Marker{Node: name, NodePool: pool, Ordinal: n})
			}
		}
	}
	return hidden
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

// recordsVMTags reports whether a record has all of some tags.
func recordsVMTags(recorded []record.VMTag, wanted []uuid.UUID) bool {
	return !slices.ContainsFunc(wanted, func(id uuid.UUID) bool {
		return !slices.ContainsFunc(recorded, func(t record.VMTag) bool { return t.ID == id })
	})
}

// hasLeftVMTag reports whether a VM has one of some tags from Gantry still.
func hasLeftVMTag(m model.Machine, left []record.VMTag) bool {
	return slices.ContainsFunc(left, func(t record.VMTag) bool {
		return slices.Contains(m.VMTags, t.ID) && GivenVMTag(t, m.Marker)
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
