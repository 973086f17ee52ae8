package engine

import (
	"fmt"
	"slices"
	"strings"
)

// The stages of a destruction: workers, then the control plane, then what no VM
// needs any more. An address is released only after its VM is proven gone.
const (
	stageDestroyWorkers = iota
	stageDestroyControlPlane
	stageDestroyAddresses
	stageDestroyFolder // one stage for each folder from here on, innermost first
	stageDestroyPool   = 1 << 10
	stageDestroyRecord = 1 << 11
)

func planDestroy(t Target, obs *Observed) *Plan {
	out := &Plan{observed: obs}
	if guardDestroy(t, obs, out); len(out.Problems) > 0 {
		return out
	}
	add := func(stage int, action Action, target string, s Step) {
		s.Change, s.stage = Change{action, target}, stage
		out.Steps = append(out.Steps, s)
	}
	held := map[string]bool{}
	for i := range obs.Survey.Machines {
		m := &obs.Survey.Machines[i]
		held[m.Marker.Node] = true
		stage := stageDestroyWorkers
		if m.Marker.Pool == ControlPlanePool {
			stage = stageDestroyControlPlane
		}
		add(stage, ActionDeleteNode, m.Marker.Node, Step{node: &nodeStep{machine: m, n: m.Marker.N}})
	}
	endpoint := false
	for i, c := range obs.Claims {
		switch {
		case c.Node == OwnerVIP || c.Node == OwnerExtra:
			endpoint = true
		case !held[c.Node]:
			add(stageDestroyAddresses, ActionReleaseAddress, c.Node, Step{claim: &obs.Claims[i]})
		}
	}
	if endpoint {
		add(stageDestroyAddresses, ActionReleaseEndpoint, t.Name, Step{})
	}
	if pool := obs.IPPools[obs.OwnPool]; pool != nil && pool.Registered {
		add(stageDestroyPool, ActionUnregisterPool, pool.Body.Name, Step{})
	}
	if obs.Record != nil && obs.Record.ID == ledgerID(t.ID) {
		folders := slices.Clone(obs.Record.Folders)
		slices.Reverse(folders)
		for i, path := range folders {
			add(stageDestroyFolder+i, ActionDeleteFolder, path, Step{})
		}
		add(stageDestroyRecord, ActionUnregister, t.Name, Step{})
	}
	slices.SortStableFunc(out.Steps, func(a, b Step) int {
		if a.stage != b.stage {
			return a.stage - b.stage
		}
		if a.node != nil && b.node != nil {
			return a.node.n - b.node.n
		}
		return 0
	})
	return out
}

// guardDestroy refuses to take away what others stand on.
func guardDestroy(t Target, obs *Observed, out *Plan) {
	refuse := func(summary, detail string, args ...any) {
		out.Problems = append(out.Problems, Problem{"name", summary, fmt.Sprintf(detail, args...)})
	}
	for _, name := range obs.Survey.Unreadable {
		if strings.HasPrefix(name, t.Name+"-") {
			refuse("A VM cannot be read", "vCenter does not tell the configuration of the VM %q now, as while it is being made or its datastore is out; it may be a node of %q. Wait until it can be read, or rename it if it is not.", name, t.Name)
		}
	}
	if len(obs.Children) > 0 {
		refuse("The gateway is in use", "Gateway %q has %s. Destroy or move them first.", t.Name, strings.Join(obs.Children, ", "))
	}
	if pool := obs.IPPools[obs.OwnPool]; pool != nil && pool.Damage != nil {
		refuse("The gateway's IP pool cannot be read", "Who uses the IP pool that goes with gateway %q is not known: %s. Put the tag back as it was, or apply the gateway's configuration, which writes it again.", t.Name, pool.Damage)
	}
	if pool := obs.IPPools[obs.OwnPool]; pool != nil && pool.Registered {
		own := 0
		for _, c := range obs.Claims {
			if c.Pool == obs.OwnPool {
				own++
			}
		}
		if others := pool.Taken - own; others > 0 {
			refuse("The gateway's IP pool is in use", "%d addresses of IP pool %q, which goes with gateway %q, are held by others%s. Delete what holds them first.", others, pool.Body.Name, t.Name, obs.otherHolders(t.ID))
		}
	}
}

// otherHolders names who else holds addresses of a gateway's own pool, as far as
// VMs show it.
func (o *Observed) otherHolders(id string) string {
	var words []string
	for _, h := range o.Survey.Held {
		if h.Pool != o.OwnPool || h.Cluster == id {
			continue
		}
		if len(words) == maxStrangers {
			words = append(words, "and more")
			break
		}
		words = append(words, fmt.Sprintf("%s (%s of cluster %s)", h.Address, h.Node, h.Cluster))
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, ", ")
}
