package plan

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Destroy plans the destruction of a cluster or gateway: its nodes side by side, since
// none is drained and so none needs the API of another, with their rules, then what no VM
// needs any more. One VM that cannot be deleted keeps no other from it, but all that comes
// after. An address is released only after its VM is proven gone. Where a VM is not seen and
// not gone, what it holds is left, with the record by which another attempt finds it.
func Destroy(target model.Target, facts *model.Facts, limits *model.Limits) *model.Plan {
	if shared(target, facts) {
		return destroyRemains(target, facts)
	}
	p := &model.Plan{}
	p.Add(destroyGuards(target, facts, limits))
	if len(p.Problems) > 0 {
		return p
	}

	left := Left(target, facts)
	nodes := append(deletions(target, facts), builderDeletions(target, facts)...)
	if left == "" {
		// Nodes that are to go need not be kept apart, nor does a task of a compute cluster wait
		// for those of VMs. An attempt that fails leaves some without, which the next one deletes.
		nodes = append(ruleDeletions(target, facts), nodes...)
	}
	p.Stages = stages(
		model.Stage{Name: "nodes", Parallel: true, OnFailure: model.Continue, Steps: nodes},
		model.Stage{Name: "addresses", Parallel: true, Complete: true, Steps: addressReleases(target, facts)},
	)
	if left != "" {
		p.Warn(nameField, "Node VM not visible in vCenter", "%s", left)
		return p
	}
	p.Stages = append(p.Stages, stages(
		model.Stage{Name: "load balancer", Complete: true, Steps: loadBalancerDeletion(target, facts)},
		model.Stage{Name: "snapshots", Complete: true, Steps: snapshotDeletions(target, facts)},
		model.Stage{Name: "folders", Complete: true, Steps: folderDeletions(target, facts)},
		model.Stage{Name: "IP pool", Complete: true, Steps: ownIPPoolDeletion(facts)},
		model.Stage{Name: "record", Complete: true, Steps: recordDeletion(target, facts)},
	)...)
	return p
}

// destroyRemains plans the destruction of a target whose place a newer creation has
// taken: of the VMs that it did not adopt. All else, the addresses too, is the newer
// one's, which releases what it does not need.
func destroyRemains(target model.Target, facts *model.Facts) *model.Plan {
	p := &model.Plan{}
	var steps []model.Step
	for _, m := range facts.Builders {
		if owns(target, facts, m) {
			steps = append(steps, model.DeleteNode{Machine: m, KeepAddress: true})
		}
	}
	for _, m := range facts.VMs() {
		if owns(target, facts, m) {
			steps = append(steps, model.DeleteNode{Machine: m, KeepAddress: true})
			p.Add(markerFindings(target.Name, []model.Machine{m}))
		}
	}
	if len(p.Problems) == 0 {
		p.Stages = stages(model.Stage{Name: "remains", Parallel: true, Steps: steps})
	}
	return p
}

// Left says what a destruction leaves because it cannot see it, and how to go on; empty
// where it leaves nothing.
func Left(target model.Target, facts *model.Facts) string {
	if len(facts.Unseen) == 0 {
		return ""
	}
	text := fmt.Sprintf("vCenter does not show these VMs of %s %q to this user, and does not say that they are gone: %s. They are left",
		target.Kind, target.Name, model.Listed(hiddenWords(facts.Unseen)))
	if held := heldWords(target, facts); len(held) > 0 {
		text += ", with their addresses: " + model.Listed(held)
	}
	return text + ". The record stays, too. Move the VMs back or grant the privilege, " +
		"or have them deleted by a user who sees them; then destroy again."
}

// heldWords name the addresses that VMs which are not seen may use.
func heldWords(target model.Target, facts *model.Facts) []string {
	var held []string
	for _, c := range facts.Claims {
		if holdsUnseen(target, facts, c) {
			held = append(held, fmt.Sprintf("%s (%s)", c.Address, c.Owner))
		}
	}
	return held
}

// holdsUnseen reports whether a VM that is not seen may use the address of a claim: its
// own, of a control plane those of the endpoint, and of any node those of services.
func holdsUnseen(target model.Target, facts *model.Facts, c model.Claim) bool {
	if c.Owner == model.OwnerRanges {
		return len(facts.Unseen) > 0
	}
	return slices.ContainsFunc(facts.Unseen, func(m model.UnseenMachine) bool {
		return m.Node == c.Owner || c.Endpoint() && mayServe(target, facts, m.Node)
	})
}

// deletions delete the nodes, the workers first.
func deletions(target model.Target, facts *model.Facts) []model.Step {
	machines := slices.DeleteFunc(slices.Clone(facts.Machines), func(m model.Machine) bool { return !owns(target, facts, m) })
	slices.SortStableFunc(machines, func(a, b model.Machine) int { return a.Marker.Ordinal - b.Marker.Ordinal })
	var workers, controlPlane []model.Step
	for _, m := range machines {
		if m.Marker.ControlPlane() {
			controlPlane = append(controlPlane, model.DeleteNode{Machine: m})
			continue
		}
		workers = append(workers, model.DeleteNode{Machine: m})
	}
	return append(workers, controlPlane...)
}

// addressReleases release what no VM accounts for; the deletion of a node releases
// its own.
func addressReleases(target model.Target, facts *model.Facts) []model.Step {
	var steps []model.Step
	var endpoint []model.Claim
	for _, c := range facts.Claims {
		switch {
		case holdsUnseen(target, facts, c), c.Owner == model.OwnerRanges, builderOf(facts, c.Owner):
		case c.Endpoint():
			endpoint = append(endpoint, c)
		case !slices.ContainsFunc(facts.Machines, func(m model.Machine) bool { return m.Marker.Node == c.Owner }):
			steps = append(steps, model.ReleaseAddress{Claim: c})
		}
	}
	if len(endpoint) > 0 {
		steps = append(steps, model.ReleaseEndpoint{Cluster: target.Name, Claims: endpoint})
	}
	if len(facts.Unseen) > 0 {
		return steps
	}
	var recorded map[string]record.AddressRange
	if registered(target, facts) {
		recorded = facts.Record.Ranges
	}
	return append(steps, rangeReleases(facts, recorded, nil)...)
}

// folderDeletions give up the folders that Gantry made, innermost first.
func folderDeletions(target model.Target, facts *model.Facts) []model.Step {
	if !registered(target, facts) && !lostRecord(facts) {
		return nil
	}
	var steps []model.Step
	for _, folder := range slices.Backward(facts.Record.Folders) {
		steps = append(steps, model.DeleteFolder{Datacenter: facts.Record.Datacenter, Folder: folder})
	}
	return steps
}

func ownIPPoolDeletion(facts *model.Facts) []model.Step {
	if !facts.OwnIPPool.Registered {
		return nil
	}
	return []model.Step{model.DeleteIPPool{Name: facts.OwnIPPool.Record.Name}}
}

// recordDeletion deletes the record. Where its tag was deleted by hand under VMs, that
// removes what else there is of it: parts of the record, and the notes at its parents,
// which could not be deleted because of them.
func recordDeletion(target model.Target, facts *model.Facts) []model.Step {
	if !registered(target, facts) && !lostRecord(facts) {
		return nil
	}
	return []model.Step{model.DeleteRecord{Cluster: target.Name, Parents: target.Parents}}
}

// lostRecord reports whether there is no record of VMs that are there.
func lostRecord(facts *model.Facts) bool { return !facts.Record.Found && len(facts.VMs()) > 0 }

// destroyGuards refuse to delete what others depend on, and what this Gantry does
// not understand.
func destroyGuards(t model.Target, facts *model.Facts, limits *model.Limits) model.Findings {
	f := markerFindings(t.Name, facts.VMs())
	if unreadable := unreadableOf(t, facts); len(unreadable) > 0 {
		f.Refuse(nameField, "A VM cannot be read",
			"vCenter does not return the configuration of the VM %s now, as while it is being made or its datastore is not accessible; "+
				"it may be a node of %q. Wait until it can be read, or rename it if it is not.", quoted(unreadable), t.Name)
	}
	if len(limits.Children) > 0 {
		f.Refuse(nameField, "The gateway is in use", "Gateway %q has %s. Destroy or move them first.", t.Name, childWords(limits.Children))
	}
	f.Add(ownIPPoolGuards(t, facts, limits))
	f.Add(insideFindings(limits.Inside, t, deletions(t, facts)))
	return f
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func childWords(children []record.Ref) string {
	words := make([]string, len(children))
	for i, child := range children {
		words[i] = child.Describe()
	}
	return model.Listed(words)
}

func ownIPPoolGuards(t model.Target, facts *model.Facts, limits *model.Limits) model.Findings {
	var f model.Findings
	id := facts.OwnIPPool.ID
	if id == uuid.Nil {
		return f
	}
	pool := limits.IPPools[id]
	if pool.Damage != nil {
		f.Refuse(nameField, "The gateway's IP pool cannot be read",
			"Who uses the inline IP pool of gateway %q is not known: %s. "+
				"Restore the tag, or apply the gateway's configuration, which writes it again.",
			t.Name, pool.Damage)
	}
	if !pool.Registered {
		return f
	}
	own := 0
	for _, c := range facts.Claims {
		if c.IPPool == id {
			own++
		}
	}
	if others := pool.Taken - own; others > 0 {
		f.Refuse(nameField, "The gateway's IP pool is in use",
			"%s of IP pool %q, the inline pool of gateway %q, %s held by others%s. Delete what holds them first.",
			plural(others, "address", "addresses"), pool.Record.Name, t.Name, isOrAre(others), otherHolders(t.ID, id, limits.Held))
	}
	return f
}

// otherHolders names who else holds addresses of a pool, as far as VMs show it.
func otherHolders(cluster, pool uuid.UUID, held []model.Holding) string {
	var words []string
	for _, h := range held {
		if h.IPPool != pool || h.Cluster == cluster {
			continue
		}
		words = append(words, fmt.Sprintf("%s (%s of cluster %s)", h.Address, h.Node, h.Cluster))
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + model.Listed(words)
}
