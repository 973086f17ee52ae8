package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// reasonEncryption is why a control-plane node is replaced whose API server does not write
// Secrets with the key of the spec.
const reasonEncryption = "encryption_at_rest"

var encryptionField = model.ClusterField(model.FieldEncryption)

// encryption is how the Secrets of a cluster are encrypted in etcd. What any API server may
// write, and what is in etcd, all others have to read, at any time: a key is first given to
// all nodes for reading, and only then does one write with it.
type encryption struct {
	target int // the version of the key that Secrets are to be written with
	// stored are the versions of the keys that Secrets in etcd may be written with, in
	// descending order; none: etcd is empty.
	stored []int
	// nodes are the keys of the control-plane nodes that there are.
	nodes []model.EncryptionKeys
	// unseen says that there may be others, of which nothing is known.
	unseen bool
}

// encryption tells from the record and the markers how Secrets are encrypted. An empty etcd
// has none, and a snapshot those of any version that there was.
func (v view) encryption() encryption {
	e := encryption{unseen: len(v.presumedPresent(model.ControlPlanePool)) > 0}
	highest := v.spec.EncryptionVersion
	for _, m := range v.machines(model.ControlPlanePool) {
		if v.stays(m) {
			e.nodes = append(e.nodes, m.Marker.EncryptionKeys)
		}
		if versions := m.Marker.EncryptionKeys.Versions(); len(versions) > 0 && (v.apiReached() || v.stays(m)) {
			highest = max(highest, slices.Max(versions))
			e.stored = append(e.stored, versions[0])
		}
	}
	recorded := v.facts.Record.EncryptionKeys
	restoring := v.spec.Restore != nil && !v.apiReached()
	serves := v.apiReached() || len(e.nodes) > 0
	if restoring || serves {
		highest = slices.Max(append(slices.Clone(recorded), highest))
	}
	switch {
	case restoring, v.apiReached() && !v.facts.Record.Found:
		for version := range min(highest, model.MaxEncryptionVersion) + 1 {
			e.stored = append(e.stored, version)
		}
	case serves && len(recorded) == 0:
		e.stored = append(e.stored, model.Unencrypted)
	case serves:
		e.stored = append(e.stored, recorded...)
	}
	slices.Sort(e.stored)
	slices.Reverse(e.stored)
	e.stored = slices.Compact(e.stored)
	e.target = highest
	return e
}

// keys are those of a node that is built now.
func (e encryption) keys() model.EncryptionKeys {
	return model.NewEncryptionKeys(append([]int{e.writer(), e.target}, e.stored...)...)
}

// writer is the version that a node may write with: that of the spec once all nodes read
// it, and until then one that others write with.
func (e encryption) writer() int {
	if !e.unseen && e.allRead(e.target) {
		return e.target
	}
	common := -1
	for _, keys := range e.nodes {
		if versions := keys.Versions(); len(versions) > 0 && e.allRead(versions[0]) {
			common = max(common, versions[0])
		}
	}
	if common < 0 && len(e.stored) > 0 {
		return e.stored[0]
	}
	return max(common, model.Unencrypted)
}

func (e encryption) allRead(version int) bool {
	return !slices.ContainsFunc(e.nodes, func(keys model.EncryptionKeys) bool { return !keys.Reads(version) })
}

// rollOut plans the rollout of a pool. Where no node may write with the key of the spec yet,
// the control plane is rolled twice: by nodes that can read it, and then by nodes that write
// with it.
func (p *nodePoolPlan) rollOut(v view, pool model.NodePool, r replacement, members []model.Machine, creations *creations) {
	surplus := len(members) - pool.Count
	if !pool.ControlPlane() || len(r.old) == 0 || creations.keys.Writes(v.encryption().target) {
		rollout, findings := roll(pool, r, surplus, creations)
		p.rollout = rollout
		p.findings.Add(findings)
		return
	}
	e := v.encryption()
	readers := r
	readers.old = slices.DeleteFunc(slices.Clone(r.old), func(m model.Machine) bool {
		return m.Marker.EncryptionKeys.Reads(e.target) && onlyEncryption(v.replacementReasons(pool, m))
	})
	p.rollout, _ = roll(pool, readers, surplus, creations)

	var built []model.Machine
	for _, step := range slices.Concat(p.create, stepsOf(p.rollout)) {
		if node, ok := step.(model.CreateNode); ok {
			built = append(built, toBeBuilt(node))
		}
	}
	leave := func(m model.Machine) bool {
		return slices.ContainsFunc(readers.old, func(gone model.Machine) bool { return gone.Ref == m.Ref })
	}
	writers := r
	writers.old = append(slices.DeleteFunc(slices.Clone(r.old), leave), built...)
	stays := slices.DeleteFunc(slices.Clone(members), func(m model.Machine) bool {
		return slices.ContainsFunc(r.old, func(old model.Machine) bool { return old.Ref == m.Ref })
	})
	e.nodes = nil
	for _, m := range slices.Concat(stays, writers.old) {
		e.nodes = append(e.nodes, m.Marker.EncryptionKeys)
	}
	creations.keys = e.keys()
	creations.counts = placementCounts(pool, stays, v.facts)
	second, _ := roll(pool, writers, 0, creations)
	p.rollout = append(p.rollout, second...)
	p.findings.Add(twiceFindings(e, r, readers, writers))
}

// toBeBuilt is the machine that a step builds, as far as a plan knows it.
func toBeBuilt(node model.CreateNode) model.Machine {
	place := node.Place()
	return model.Machine{Marker: model.Marker{
		Node:           node.Node,
		Role:           node.NodePool.Role(),
		NodePool:       node.NodePool.Name,
		Ordinal:        node.Ordinal,
		IPPool:         place.IPPoolID,
		ComputeCluster: place.ComputeCluster,
		Datastore:      place.Datastore,
		Network:        place.Network,
		ResourcePool:   place.ResourcePool,

		DatastoreCluster: place.DatastoreCluster,
		StoragePolicy:    place.StoragePolicy,

		CPU:            node.NodePool.CPU,
		MemoryGB:       node.NodePool.MemoryGB,
		DiskGB:         node.NodePool.DiskGB,
		EncryptionKeys: node.EncryptionKeys,
	}}
}

func onlyEncryption(reasons []string) bool {
	return !slices.ContainsFunc(reasons, func(reason string) bool { return reason != reasonEncryption })
}

// twiceFindings say before the apply what the change of a key takes.
func twiceFindings(e encryption, r, readers, writers replacement) model.Findings {
	reads := nodeNames(readers.old)
	writes := nodeNames(writers.old)
	slices.Sort(reads)
	var f model.Findings
	f.Warn(controlPlaneField, "The control plane is rolled twice",
		"Secrets are to be encrypted with the key of version %d, which not all control-plane nodes can read. "+
			"One at a time, each after its successor is Ready and a member of etcd, the apply replaces %s by nodes that read it, "+
			"and then %s by nodes that write with it; then it writes all Secrets again. Differs from the configuration: %s.",
		e.target, model.Listed(reads), model.Listed(writes), strings.Join(sortedKeys(r.reasons), ", "))
	return f
}

// rewriteSecrets has all Secrets written again with the key of the spec, once all nodes
// write with it, as they do at the end of the pool's plan.
func (p *nodePoolPlan) rewriteSecrets(v view, members []model.Machine) {
	e := v.encryption()
	if v.apiSilent() || e.unseen || len(e.stored) == 0 || slices.Equal(e.stored, []int{e.target}) {
		return
	}
	nodes := map[string]model.EncryptionKeys{}
	for _, m := range members {
		nodes[m.Marker.Node] = m.Marker.EncryptionKeys
	}
	for _, step := range slices.Concat(p.create, stepsOf(p.rollout)) {
		switch s := step.(type) {
		case model.CreateNode:
			nodes[s.Node] = s.EncryptionKeys
		case model.DeleteNode:
			delete(nodes, s.Machine.Marker.Node)
		}
	}
	for _, keys := range nodes {
		if !keys.Writes(e.target) {
			return
		}
	}
	p.rollout = append(p.rollout, model.Stage{
		Name:      "encryption of Secrets",
		Rollout:   true,
		OnFailure: model.SkipRollouts,
		Steps:     []model.Step{model.RewriteSecrets{Cluster: v.spec.Name, Version: e.target}},
	})
}

// encryptionFindings refuse a version of the key that is lower than one that Secrets are
// written with.
func encryptionFindings(v view) model.Findings {
	var f model.Findings
	highest := v.encryption().target
	if highest <= v.spec.EncryptionVersion {
		return f
	}
	const advice = "Set key_version of encryption_at_rest to at least %d."
	if v.spec.EncryptionVersion == model.Unencrypted {
		f.Refuse(encryptionField, "Encryption at rest cannot be switched off",
			"The Secrets of %q are encrypted in etcd, with the key of version %d, or about to be: without encryption_at_rest "+
				"the next control-plane node could not read them. "+advice, v.spec.Name, highest, highest)
		return f
	}
	f.Refuse(encryptionField, "The version of the key cannot be lowered",
		"The control plane of %q has the key of version %d, and the configuration asks for version %d. "+
			"A key that was replaced is not used again. "+fmt.Sprintf(advice, highest), v.spec.Name, highest, v.spec.EncryptionVersion)
	return f
}

// StoredKeys are the versions of the keys that Secrets may be written with once a
// control-plane node of some keys runs, as the record has them. The first one begins with an
// empty etcd, or with a snapshot, which has Secrets of any of its keys.
func StoredKeys(recorded []int, first bool, keys model.EncryptionKeys) []int {
	versions := keys.Versions()
	switch {
	case !first && len(recorded) == 0:
		versions = append(versions[:1], model.Unencrypted)
	case !first:
		versions = append(versions[:1], recorded...)
	}
	return ascending(versions)
}

// PossibleKeys are the versions of the keys that Secrets may be written with, as a record
// has them that was lost.
func PossibleKeys(spec *model.ClusterSpec, facts *model.Facts) []int {
	return ascending(newView(spec, facts).encryption().stored)
}

// ascending are versions as the record has them.
func ascending(versions []int) []int {
	versions = slices.Compact(slices.Sorted(slices.Values(versions)))
	if slices.Equal(versions, []int{model.Unencrypted}) {
		return nil
	}
	return versions
}
