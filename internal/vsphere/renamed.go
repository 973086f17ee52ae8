package vsphere

import (
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// An object keeps its reference when it is renamed or moved. What the names of a
// cluster meant when its machines were cloned stands in their markers: a name that is
// no longer found is looked up by that, and one that means another object now is
// reported.

// known are the references that a name had in the markers of the cluster's machines.
func (r *resolver) known(wanted string, part func(*model.Marker) (name, ref string)) []types.ManagedObjectReference {
	return r.knownOn(nil, wanted, part)
}

// knownOn is known for what machines on a compute cluster were built on: others have
// objects of their own by the same names.
func (r *resolver) knownOn(
	cluster *node, wanted string, part func(*model.Marker) (name, ref string),
) []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	for _, m := range r.own {
		if cluster != nil && m.marker.References.ComputeCluster != cluster.ref.String() {
			continue
		}
		name, ref := part(&m.marker.Marker)
		if !inventoryname.MayMatch(name, wanted) {
			continue
		}
		for _, ref := range knownRefs(ref) {
			if !slices.Contains(refs, ref) {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// knownComputeClusters are those that had a name. A marker has no path of its compute
// cluster: one of the same name in another folder is not meant.
func (r *resolver) knownComputeClusters(wanted string) []types.ManagedObjectReference {
	refs := r.known(wanted, func(m *model.Marker) (string, string) { return m.ComputeCluster, m.References.ComputeCluster })
	return slices.DeleteFunc(refs, func(ref types.ManagedObjectReference) bool {
		n := r.nodes[ref]
		return n != nil && n.named(inventoryname.Base(wanted)) && !n.matches(wanted)
	})
}

// knownTemplates are those that had a name.
func (r *resolver) knownTemplates(wanted string) []types.ManagedObjectReference {
	return r.known(wanted, func(m *model.Marker) (string, string) { return m.Template, m.TemplateRef })
}

// foldersOf are the folders that objects are in.
func (r *resolver) foldersOf(refs []types.ManagedObjectReference) []types.ManagedObjectReference {
	var folders []types.ManagedObjectReference
	for _, ref := range refs {
		if n := r.nodes[ref]; n != nil && n.parent != nil {
			folders = append(folders, n.parent.ref)
		}
	}
	return folders
}

// knownRefs is a reference, if it is one. Who may edit a VM may edit its marker: what is
// no reference is not known.
func knownRefs(ref string) []types.ManagedObjectReference {
	if ref == "" {
		return nil
	}
	refs, err := parseRefs([]string{ref})
	if err != nil {
		return nil
	}
	return refs
}

// renamed finds the one object that a name meant before, where it means none now, and
// warns. within may be nil.
func (r *resolver) renamed(c choice, within func(*node) bool) *node {
	among := c.from
	if c.former != nil {
		among = c.former
	}
	var found []*node
	for _, n := range among {
		if slices.Contains(c.known, n.ref) && (within == nil || within(n)) {
			found = append(found, n)
		}
	}
	if len(found) != 1 {
		return nil
	}
	r.findings.Warn(c.field, fmt.Sprintf("%s %q was renamed or moved", capitalized(c.kind), c.wanted),
		"The %s that the nodes were built with as %q is %q now, and there is none of the former name in %s. New nodes use it. "+
			"Set its present name: that changes nothing of the existing nodes.",
		c.kind, c.wanted, found[0].path, c.where)
	return found[0]
}

// warnOfOther warns where a name means another object than the one that machines were
// built with.
func (r *resolver) warnOfOther(c choice, now *node) {
	if len(c.known) == 0 || slices.Contains(c.known, now.ref) {
		return
	}
	var before []string
	for _, ref := range c.known {
		words := fmt.Sprintf("%s, which is not there any more", ref.Value)
		if n := r.nodes[ref]; n != nil {
			words = fmt.Sprintf("%s, which is %q now", ref.Value, n.path)
		}
		before = append(before, words)
	}
	r.findings.Warn(c.field, fmt.Sprintf("%s %q is another object now", capitalized(c.kind), c.wanted),
		"When nodes were built, the %s %q was %s. Now it is %s, %q, which new nodes use. The existing nodes stay as they are.",
		c.kind, c.wanted, model.Listed(before), now.ref.Value, now.path)
}

// renamedFolder finds the folder that all of the cluster's machines are in, where the
// path that it had is not there any more, and warns.
func (r *resolver) renamedFolder(names *model.Names) *node {
	if len(r.own) == 0 || !inventoryname.SameFolder(names.Folder, names.KnownFolder) {
		return nil
	}
	at := r.own[0].parent
	for _, m := range r.own {
		if m.parent != at {
			return nil
		}
	}
	root := r.vmFolder(r.dc)
	if at == nil || at == root || at.ref.Type != "Folder" || !at.within(root.ref) {
		return nil
	}
	r.findings.Warn(model.ClusterField(model.FieldFolder), fmt.Sprintf("Folder %q was renamed or moved", names.Folder),
		"There is no folder %q in %s any more, and the nodes are in %q. New nodes go there. "+
			"Set its present path: that changes nothing of the existing nodes.",
		names.Folder, r.inDatacenter(), at.path)
	return at
}
