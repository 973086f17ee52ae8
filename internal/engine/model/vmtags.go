package model

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// VMTag is a tag of vSphere that all VMs of a cluster get.
type VMTag struct {
	Name string // as the spec has it: the names of category and tag, or the tag's id
	// ID is what Name means, where it was found; uuid.Nil elsewhere.
	ID uuid.UUID
}

// Spelling identifies the name in the record, where it would take more room.
func (t VMTag) Spelling() string {
	sum := sha256.Sum256([]byte(t.Name))
	return hex.EncodeToString(sum[:3])
}

// FoundVMTag is what a name of a tag means.
type FoundVMTag struct {
	Name string // as the spec has it
	ID   uuid.UUID
	Path string // the names of category and tag
	// Category is the id of the tag's category, and Rivals are the other tags of it where an
	// object may have one of them alone.
	Category string
	Single   bool
	Rivals   []uuid.UUID
	// Summary and Problem say why no VM can be given it; empty: one can.
	Summary, Problem string
}

// VMTagLimits are the tags of a spec, as vCenter has them.
type VMTagLimits struct {
	Found []FoundVMTag
	// On are the tags of the cluster's VMs, by the references of the VMs; nil: not known.
	On map[string][]uuid.UUID
}

// VMTagNames are the names of the tags that the spec asks for.
func (s *ClusterSpec) VMTagNames() []string {
	var names []string
	for _, tag := range s.VMTags {
		names = append(names, tag.Name)
	}
	return names
}

// WithVMTags is the spec with the ids of its tags, as far as they were found.
func (s ClusterSpec) WithVMTags(found []FoundVMTag) ClusterSpec {
	s.VMTags = slices.Clone(s.VMTags)
	for i, tag := range s.VMTags {
		for _, f := range found {
			if f.Name == tag.Name {
				s.VMTags[i].ID = f.ID
			}
		}
	}
	return s
}

// VMTagIDs are the ids of the tags that the spec asks for, each once, by what was found or,
// without that, by what the record has for the same name; false where one is not known.
func (s *ClusterSpec) VMTagIDs(rec Record) ([]uuid.UUID, bool) {
	var ids []uuid.UUID
	all := true
	for _, tag := range s.VMTags {
		id := tag.ID
		if id == uuid.Nil {
			id = RecordedVMTag(rec, tag)
		}
		switch {
		case id == uuid.Nil:
			all = false
		case !slices.Contains(ids, id):
			ids = append(ids, id)
		}
	}
	return ids, all
}

// RecordedVMTag is the id that the record has for the name of a tag; uuid.Nil: none.
func RecordedVMTag(rec Record, tag VMTag) uuid.UUID {
	i := slices.IndexFunc(rec.VMTags, func(t record.VMTag) bool { return t.Spelling == tag.Spelling() })
	if i < 0 {
		return uuid.Nil
	}
	return rec.VMTags[i].ID
}

// ActionUpdateVMTags gives VMs the tags of vSphere that they should have; target: the cluster.
const ActionUpdateVMTags Action = "update_vm_tags"

// UpdateVMTags gives all VMs of the cluster its tags of vSphere, and takes from them those
// that it gave them before.
type UpdateVMTags struct{ Cluster string }

// Change implements Step.
func (s UpdateVMTags) Change() Change { return Change{ActionUpdateVMTags, s.Cluster} }
