package plan

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

var restoreField = model.ClusterField(model.FieldRestore)

// quorumLost reports whether so many control-plane VMs of a cluster that was running are
// gone that the others can never answer again. That its API does not answer is no proof:
// it may be the way there.
func quorumLost(spec *model.ClusterSpec, facts *model.Facts) bool {
	v := view{spec: spec, nodeNames: namesOf(spec, facts)}
	v.facts, v.former = withoutFormer(facts)
	return v.apiSilent() && (v.controlPlaneGone() || v.quorumGone(v.machines(model.ControlPlanePool)))
}

// restored reports whether the snapshot of the spec was restored, or is being, as the
// record says, or, where that is lost, the VMs.
func restored(spec *model.ClusterSpec, facts *model.Facts) bool {
	if facts.Record.Found {
		return facts.Record.Reset == spec.Reset
	}
	reset, _ := facts.BuiltFor()
	return reset == spec.Reset
}

// restoring reports whether the control plane begins with a snapshot, and has not answered
// since.
func (v view) restoring() bool { return v.spec.Restore != nil && !v.apiReached() }

// reconnecting reports whether workers have yet to come back to a control plane that is
// restored, or was.
func (v view) reconnecting() bool { return v.restoring() || v.facts.Record.Reconnect && !v.spec.New }

// survives reports whether a worker outlives the control plane that is restored: it has
// joined once, trusts the same authorities and knows the same endpoint, so that it comes
// back by itself. Where the run before was killed, the guest may be all that says so.
func (v view) survives(m model.Machine) bool {
	joined := !v.facts.Pending(m.Marker.NodePool, m.Marker.Ordinal) || model.HasJoined(m.Phase)
	return v.reconnecting() && !m.Marker.ControlPlane() && m.Marker.CAFingerprint == v.facts.CAFingerprint && joined
}

// answersRestored reports whether a machine is the first node of a control plane built anew
// whose API answers, although no run has recorded that: also where kubeadm init has not ended
// on it, as when a webhook that came with the snapshot is in its way. What answers is not
// restored over, nor is it once the restore is taken back.
func (v view) answersRestored(m model.Machine) bool {
	_, known := v.facts.API.Nodes[m.Marker.Node]
	first := v.restoring() || v.takenBack != "" && v.takenBack == m.Marker.Reset
	return known && first && !v.spec.New && m.Marker.ControlPlane() && m.PoweredOn &&
		m.Marker.Reset == v.facts.Record.Reset && v.facts.API.Answered()
}

// firstOrdinal is that of a pool that never had a node. A snapshot has the nodes of the
// cluster that it is of, by their names; a new cluster that is made from it begins at a
// number of its own, so that none of its nodes is taken for one of those.
func (v view) firstOrdinal() int {
	if v.spec.Restore == nil || !v.spec.New {
		return 1
	}
	n, err := strconv.ParseInt(v.spec.Restore.SHA256[:min(len(v.spec.Restore.SHA256), 3)], 16, 32)
	if err != nil {
		return 1
	}
	return 1001 + int(n)
}

// StaleNodes are the node objects, of those that are given, that came with a snapshot and
// that nothing stands behind: there is no VM, built or about to be, and vCenter hides
// none. Those of other names than Gantry's are left alone.
func StaleNodes(spec *model.ClusterSpec, facts *model.Facts, nodes map[string]model.KubeNode, there func(node string) bool) []string {
	facts = goesOnWith(spec, facts)
	v := view{spec: spec, facts: facts, nodeNames: namesOf(spec, facts)}
	var names []string
	for name := range nodes {
		if !v.ours(name) || there(name) || v.hidden(name) || v.unreadable(name) {
			continue
		}
		if i := slices.IndexFunc(facts.Machines, func(m model.Machine) bool { return m.Marker.Node == name }); i < 0 ||
			spec.Supersedes(facts.Machines[i].Marker) || facts.Former(facts.Machines[i].Marker) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ours reports whether a name is that of a node of one of the cluster's pools.
func (v view) ours(node string) bool {
	return slices.ContainsFunc(v.pools(), func(pool string) bool { return v.ordinal(pool, node) > 0 })
}

// staleNodes are the stale ones of a cluster that was restored. A node that Gantry knows
// of has an address, also where its VM is gone; of a worker with a lease nothing says so, but
// one that is Ready is there.
func (v view) staleNodes() []string {
	if v.spec.Kind != record.KindCluster || v.facts.Record.Reset == "" {
		return nil
	}
	return StaleNodes(v.spec, v.facts, v.facts.API.Nodes, func(node string) bool {
		return !v.isFormer(node) && (slices.Contains(v.addressed(), node) || v.spec.DHCP() && v.node(node).Ready)
	})
}

// withoutStale are facts in which stale nodes do not stand for anything.
func withoutStale(facts *model.Facts, stale []string) *model.Facts {
	if len(stale) == 0 {
		return facts
	}
	clean := *facts
	clean.API.Nodes = map[string]model.KubeNode{}
	for name, node := range facts.API.Nodes {
		if !slices.Contains(stale, name) {
			clean.API.Nodes[name] = node
		}
	}
	return &clean
}

// withStale adds to the creations of the control plane that stale nodes are removed: after
// its first node, which brings them, and before another one.
func (v view) withStale(create []model.Step) []model.Step {
	if !v.restoring() && len(v.stale) == 0 {
		return create
	}
	at := 0
	if len(create) > 0 && create[0].(model.CreateNode).First {
		at = 1
	}
	return slices.Insert(slices.Clone(create), at, model.Step(model.RemoveStaleNodes{Cluster: v.spec.Name}))
}

// reconnectSteps bring the workers back that outlive the control plane, also those that a
// run which was interrupted did not.
func reconnectSteps(v view, deleted map[string]bool) []model.Step {
	if v.apiSilent() {
		return nil
	}
	ends := v.facts.Record.Reconnect && !v.spec.New // also where none is left that could come back
	var workers []model.Machine
	for _, m := range v.facts.Machines {
		ends = ends || v.reset && v.restoring() && !m.Marker.ControlPlane()
		if v.survives(m) && !deleted[m.Marker.Node] {
			workers = append(workers, m)
		}
	}
	if len(workers) == 0 && !ends {
		return nil
	}
	return []model.Step{model.ReconnectWorkers{Cluster: v.spec.Name, Workers: workers}}
}

// restoreFindings say what becomes of a cluster that is to be restored, and refuse where
// it must not be.
func restoreFindings(v view) model.Findings {
	var f model.Findings
	switch {
	case v.spec.Restore == nil || v.spec.New:
	case v.reset:
		f.Add(restoreWords(v))
	case restored(v.spec, v.facts):
	case v.facts.API.Answered():
		f.Refuse(restoreField, "The cluster has its quorum",
			"The API of %q answers, so etcd works and nothing is restored: what was written after the snapshot would be lost. "+
				"Remove restore_from_snapshot.", v.spec.Name)
	case !v.apiReached():
		f.Refuse(restoreField, "The cluster never ran",
			"%q was never created to its end, and its certificate authorities are not those of the cluster that the snapshot is of. "+
				"Destroy it, and create it with restore_from_snapshot and these authorities.", v.spec.Name)
	default:
		there := len(v.machines(model.ControlPlanePool)) + len(v.presumedPresent(model.ControlPlanePool))
		words := ""
		if unproven := v.unproven(); len(unproven) > 0 {
			words = fmt.Sprintf(" Of %s no VM is visible, and this state has no reference by which vCenter could be asked whether it is gone.%s",
				quoted(unproven), v.forgetWords())
		}
		f.Refuse(restoreField, "Nothing says that the quorum is lost",
			"The API of %q does not answer from here, and %d of its control-plane VMs exist, or may, which is a quorum of the %d that it had. "+
				"If they can work, remove restore_from_snapshot and bring them back. If the data of most of them is lost, "+
				"delete those VMs in vCenter: that they are gone is what a restore goes by.%s",
			v.spec.Name, there, v.votersOf(there), words)
	}
	return f
}

// restoreWords warn of what a restore costs.
func restoreWords(v view) model.Findings {
	var f model.Findings
	left := nodeNames(v.machines(model.ControlPlanePool))
	slices.Sort(left)
	destroyed := ""
	if len(left) > 0 {
		destroyed = fmt.Sprintf("Control-plane VMs that are left are destroyed before: %s. ", quoted(left))
	}
	f.Warn(restoreField, "The cluster is restored from a snapshot",
		"%sThe control plane of %q is built anew with the data of the snapshot. What was written after it was taken is lost; "+
			"workers stay and connect again, with their pods. Those that are not in the snapshot, since they joined later, "+
			"are powered off and on, so that they register again.", destroyed, v.spec.Name)
	return f
}

// mayRestore refuses to restore what could not serve the nodes that there are.
func mayRestore(v view) model.Findings {
	var f model.Findings
	if v.spec.New || v.apiReached() {
		return f
	}
	for _, check := range []func(view) model.Findings{resetUnasked, formerAnswers, formerMayWork, servesUnseen} {
		if f.Add(check(v)); len(f.Problems) > 0 {
			return f
		}
	}
	if v.spec.Restore == nil {
		if v.spec.Kind == record.KindCluster && v.facts.Record.Reset != "" && !v.facts.API.Answered() {
			f.Refuse(nameField, "The cluster is being restored",
				"%q was being restored from a snapshot, and its API has not answered since. Without restore_from_snapshot "+
					"an empty cluster would be made in its place: set the attribute again, to that snapshot or another one.", v.spec.Name)
		}
		return f
	}
	if v.facts.CAFingerprint == "" {
		f.Refuse(restoreField, "The certificate authorities are not in the state",
			"%q can be restored only with its certificate authorities, and this state does not hold them. "+
				"Restore an earlier version of the state.", v.spec.Name)
		return f
	}
	target, err := kubeversion.Parse(v.spec.KubernetesVersion)
	if err != nil {
		return f
	}
	for _, m := range v.facts.Machines {
		if m.Marker.CAFingerprint != v.facts.CAFingerprint && !v.facts.Pending(m.Marker.NodePool, m.Marker.Ordinal) {
			f.Refuse(restoreField, "The certificate authorities are not the cluster's",
				"Node %q was built with other certificate authorities than those in this state: restored with these, it would never come back. "+
					"Use the state of the cluster.", m.Marker.Node)
			return f
		}
		built, err := kubeversion.Parse(m.Marker.KubernetesVersion)
		if err == nil && target.Compare(built) < 0 && !v.spec.Supersedes(m.Marker) {
			f.Refuse(kubernetesField, "The control plane would be older than a node",
				"Node %q is of Kubernetes %s, and the control plane would be restored at %s. Set kubernetes_version to at least that of the node.",
				m.Marker.Node, built, target)
			return f
		}
	}
	return f
}
