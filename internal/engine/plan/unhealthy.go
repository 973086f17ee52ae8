package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// unhealthy are the nodes that do not do their work, with the reason.
type unhealthy map[string]string

// findUnhealthy finds them. A node that an earlier run was about to delete is on its way
// out, and none of them.
func findUnhealthy(v view) unhealthy {
	all := unhealthy{}
	if !v.apiReached() {
		return all
	}
	for _, pool := range v.spec.NodePools() {
		for _, m := range v.machines(pool.Name) {
			if why := v.illness(m); why != "" {
				all[m.Marker.Node] = why
			}
		}
		for _, name := range slices.Concat(v.lost(pool.Name), v.forgotten(pool)) {
			all[name] = "its VM is gone"
		}
	}
	return all
}

// illness is why a node that has a VM does not do its work; empty: it does, or it has not
// been out of work for long.
func (v view) illness(m model.Machine) string {
	node := v.node(m.Marker.Node)
	switch {
	case !m.PoweredOn && node.Cordoned, v.survives(m) && !v.facts.Joined(&m):
		return ""
	case v.unresponsive(m):
		return "it did not come back after it was powered on"
	case !m.PoweredOn:
		return "its VM is powered off"
	case v.facts.API.Answered() && !v.facts.Joined(&m) && !v.nodeObjectMissing(m):
		return "it has not joined"
	case v.notReadyTooLong(m.Marker.Node):
		return fmt.Sprintf("it has not been Ready for %s", v.notReadyFor(node).Round(time.Second))
	}
	return ""
}

// forgotten are the nodes of a pool whose VM is gone and that the API does not know any
// more, as a cloud provider sees to, while the pool lacks nodes.
func (v view) forgotten(pool model.NodePool) []string {
	if !v.facts.API.Answered() || pool.ControlPlane() {
		return nil
	}
	var names []string
	for _, m := range v.facts.Gone {
		ordinal := v.ordinal(pool.Name, m.Node)
		if _, known := v.facts.API.Nodes[m.Node]; ordinal > 0 && !known && !v.facts.Pending(pool.Name, ordinal) {
			names = append(names, m.Node)
		}
	}
	slices.Sort(names)
	lacks := max(0, pool.Count-len(v.machines(pool.Name))-len(v.lost(pool.Name))-len(v.presumedPresent(pool.Name)))
	return names[:min(lacks, len(names))]
}

// notReadyFor is how long a node has not been Ready at the time of the facts.
func (v view) notReadyFor(n model.KubeNode) time.Duration {
	if n.Ready || n.NotReadySince.IsZero() || v.facts.Now.IsZero() {
		return 0
	}
	return v.facts.Now.Sub(n.NotReadySince)
}

// notReadyTooLong reports whether a node is to be repaired because it is not Ready.
// Where no node is Ready, it is not the node that lacks something.
func (v view) notReadyTooLong(node string) bool {
	return v.spec.Repair != nil && v.facts.API.Answered() && v.facts.API.AnyReady() &&
		v.notReadyFor(v.node(node)) >= v.spec.Repair.NotReadyAfter
}

// repairIsDue reports whether a node that is not Ready for too long may be replaced by this
// plan: it is the first one, or one has shown it.
func (v view) repairIsDue(node string) bool {
	return v.notReadyTooLong(node) && (v.spec.Repair.Shown == nil || v.spec.Repair.Shown[node])
}

// tooManyUnhealthy reports whether more nodes are unhealthy than may be repaired.
func (v view) tooManyUnhealthy() bool {
	return v.spec.Repair != nil && len(findUnhealthy(v)) > v.spec.Repair.MaxUnhealthy
}

// heldBack are the nodes of a pool whose VMs are gone and that are left as they are.
func (v view) heldBack(pool model.NodePool) []string {
	if !v.holdsRepairs || pool.ControlPlane() {
		return nil
	}
	return slices.Concat(v.lost(pool.Name), v.forgotten(pool))
}

// heldBack are those of all pools.
func heldBack(spec *model.ClusterSpec, facts *model.Facts) []string {
	var names []string
	v := newView(spec, facts)
	for _, pool := range spec.NodePools() {
		names = append(names, v.heldBack(pool)...)
	}
	return names
}

// repairReasons are why a node that stays is replaced although it was built as the
// configuration asks for.
func (v view) repairReasons(m model.Machine) []string {
	var reasons []string
	controlPlane := m.Marker.ControlPlane()
	if v.node(m.Marker.Node).Cordoned && (!m.PoweredOn || controlPlane) {
		// Its disks may be detached already, or it may have left etcd: nothing would undo that.
		reasons = append(reasons, "a deletion that was not finished")
	}
	if v.holdsRepairs || controlPlane {
		return reasons
	}
	if v.unresponsive(m) {
		reasons = append(reasons, "not back after it was powered on")
	}
	if v.repairIsDue(m.Marker.Node) {
		reasons = append(reasons, fmt.Sprintf("not Ready for longer than %s", v.spec.Repair.NotReadyAfter))
	}
	return reasons
}

// Unrepaired are the nodes that are unhealthy and that a plan leaves as they are: because
// they are too many, or because no plan has shown yet what became due.
func Unrepaired(spec *model.ClusterSpec, facts *model.Facts) map[string]bool {
	v := newView(spec, facts)
	left := map[string]bool{}
	replaced := v.replacedNow()
	for name := range findUnhealthy(v) {
		due := v.notReadyTooLong(name)
		left[name] = v.holdsRepairs || due && !v.repairIsDue(name) || due && v.ordinal(model.ControlPlanePool, name) > 0 && !replaced[name]
	}
	return left
}

// repairFindings say which nodes are not repaired because too many are unhealthy.
func repairFindings(v view) model.Findings {
	var f model.Findings
	if !v.holdsRepairs {
		return f
	}
	all := findUnhealthy(v)
	words := make([]string, 0, len(all))
	for _, name := range sortedKeys(all) {
		words = append(words, fmt.Sprintf("%s (%s)", name, strings.TrimPrefix(all[name], "it ")))
	}
	f.Warn(model.ClusterField(model.FieldMaxUnhealthy), "Too many nodes are unhealthy to be repaired",
		"%d nodes of %q are unhealthy, and max_unhealthy is %d: %s. No worker of them is replaced or powered on, "+
			"and no control-plane node that is not Ready is replaced: they may have one cause. "+
			"Fix that, or raise max_unhealthy. What has never joined is built again all the same.",
		len(all), v.spec.Name, v.spec.Repair.MaxUnhealthy, model.Listed(words))
	return f
}
