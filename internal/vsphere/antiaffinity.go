package vsphere

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// configuration is what is read of the DRS of a compute cluster, as a whole: its declared type
// is a base type, and the older one that has parts to ask for knows of no groups.
const configuration = "configurationEx"

// configured is the configuration of a compute cluster; false where vCenter does not say.
func configured(p properties) (types.ClusterConfigInfoEx, bool) {
	config, ok := p.values[configuration].(types.ClusterConfigInfoEx)
	return config, ok
}

// drsOn reports whether DRS is on in a compute cluster; known is false where vCenter does not
// say.
func drsOn(p properties) (on, known bool) {
	config, ok := configured(p)
	if !ok || config.DrsConfig.Enabled == nil {
		return false, false
	}
	return *config.DrsConfig.Enabled, true
}

// rulesOf are the anti-affinity rules that a cluster has anywhere.
func (inv *inventory) rulesOf(cluster uuid.UUID) []model.Rule {
	var rules []model.Rule
	for _, n := range inv.all(nil, clusterTypes...) {
		rules = append(rules, ownRules(n.properties, n.name, cluster)...)
	}
	return rules
}

// ownRules are those of a cluster among the rules of a compute cluster.
func ownRules(p properties, name string, cluster uuid.UUID) []model.Rule {
	var rules []model.Rule
	config, _ := configured(p)
	for _, info := range config.Rule {
		apart, ok := info.(*types.ClusterAntiAffinityRuleSpec)
		if !ok {
			continue
		}
		pool, ours := model.RulePool(cluster, apart.Name)
		if !ours {
			continue
		}
		rule := model.Rule{
			ComputeCluster:     p.ref.String(),
			ComputeClusterName: name,
			Key:                apart.Key,
			NodePool:           pool,
			Enabled:            apart.Enabled != nil && *apart.Enabled,
		}
		for _, vm := range apart.Vm {
			rule.VMs = append(rule.VMs, vm.String())
		}
		rules = append(rules, rule)
	}
	return rules
}

// hosting is where machines are, by node pool and compute cluster, and where the load balancer
// is. One on a host that is not seen is nowhere.
func (inv *inventory) hosting(own []marked) []model.Hosting {
	type place struct{ pool, cluster string }
	found := map[place]*model.Hosting{}
	reach := map[place][]marked{}
	byRef := make(map[types.ManagedObjectReference]marked, len(own))
	for _, m := range own {
		byRef[m.ref] = m
	}
	for _, host := range inv.byType["HostSystem"] {
		if host.parent == nil || !slices.Contains(clusterTypes, host.parent.ref.Type) {
			continue
		}
		for _, ref := range host.refs("vm") {
			m, ours := byRef[ref]
			if !ours {
				continue
			}
			at := place{m.marker.NodePool, host.parent.ref.String()}
			if found[at] == nil {
				drs, _ := drsOn(host.parent.properties)
				found[at] = &model.Hosting{
					NodePool:           at.pool,
					ComputeCluster:     at.cluster,
					ComputeClusterName: host.parent.name,
					DRS:                drs,
					VMs:                map[string][]string{},
				}
			}
			found[at].VMs[host.ref.String()] = append(found[at].VMs[host.ref.String()], ref.String())
			reach[at] = append(reach[at], m)
		}
	}
	var all []model.Hosting
	for at, h := range found {
		h.Hosts = inv.hostsFor(at.cluster, reach[at])
		for _, vms := range h.VMs {
			slices.Sort(vms)
		}
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b model.Hosting) int {
		return cmp.Or(cmp.Compare(a.ComputeClusterName, b.ComputeClusterName), cmp.Compare(a.ComputeCluster, b.ComputeCluster),
			cmp.Compare(a.NodePool, b.NodePool))
	})
	return all
}

// hostsFor is how many hosts of a compute cluster can run each of some machines now.
func (inv *inventory) hostsFor(cluster string, machines []marked) int {
	ref, err := parseRef("ClusterComputeResource", cluster)
	if err != nil {
		return 0
	}
	fit := 0
	for _, host := range inv.usableHosts(inv.nodes[ref]) {
		reaches := func(property, wanted string) bool {
			is := func(r types.ManagedObjectReference) bool { return r.String() == wanted }
			return wanted == "" || slices.ContainsFunc(host.refs(property), is)
		}
		all := !slices.ContainsFunc(machines, func(m marked) bool {
			return !reaches("datastore", m.marker.References.Datastore) || !reaches("network", m.marker.References.Network)
		})
		if all {
			fit++
		}
	}
	return fit
}

// EditRules implements model.VCenter.
func (c *Client) EditRules(ctx context.Context, edits model.RuleEdits) (string, error) {
	ref, err := parseRef("ClusterComputeResource", edits.ComputeCluster)
	if err != nil {
		return "", err
	}
	spec := &types.ClusterConfigSpecEx{}
	for _, edit := range edits.Edits {
		change, err := ruleSpec(edits.Cluster, edit)
		if err != nil {
			return "", err
		}
		spec.RulesSpec = append(spec.RulesSpec, change)
	}
	for _, edit := range edits.Groups {
		if err := addGroup(spec, edits.Cluster, edit); err != nil {
			return "", err
		}
	}
	for _, edit := range edits.VMGroups {
		if err := addVMGroup(spec, edit); err != nil {
			return "", err
		}
	}
	defer c.site.changed()
	op := "change the rules of DRS in " + c.path(ref)
	res, err := methods.ReconfigureComputeResource_Task(ctx, c.soap, &types.ReconfigureComputeResource_Task{
		This: ref, Spec: spec, Modify: true, // what the specification does not name stays as it is
	})
	if err != nil {
		return "", c.failed(op, err)
	}
	return c.started(res.Returnval, operation{name: op}), nil
}

func ruleSpec(cluster uuid.UUID, edit model.RuleEdit) (types.ClusterRuleSpec, error) {
	if len(edit.VMs) == 0 {
		return types.ClusterRuleSpec{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationRemove, RemoveKey: edit.Key},
		}, nil
	}
	vms, err := parseRefs(edit.VMs)
	if err != nil {
		return types.ClusterRuleSpec{}, fmt.Errorf("rule of pool %q: %w", edit.NodePool, err)
	}
	operation := types.ArrayUpdateOperationEdit
	if edit.Key == 0 {
		operation = types.ArrayUpdateOperationAdd
	}
	return types.ClusterRuleSpec{
		ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: operation},
		Info: &types.ClusterAntiAffinityRuleSpec{
			ClusterRuleInfo: types.ClusterRuleInfo{
				Key:         edit.Key,
				Name:        model.RuleName(cluster, edit.NodePool),
				Enabled:     types.NewBool(edit.Enabled),
				UserCreated: types.NewBool(true),
			},
			Vm: vms,
		},
	}, nil
}

// Rules implements model.VCenter.
func (c *Client) Rules(ctx context.Context, computeCluster string, cluster uuid.UUID) (model.OwnRules, error) {
	var own model.OwnRules
	ref, err := parseRef("ClusterComputeResource", computeCluster)
	if err != nil {
		return own, err
	}
	paths := map[string][]string{ref.Type: {"name", configuration}}
	found, err := c.retrieve(withLeanReads(ctx), objectsSpec([]types.ManagedObjectReference{ref}, paths))
	if err != nil {
		return own, c.failed("read the rules of DRS in "+c.path(ref), err)
	}
	for _, p := range found {
		own.Rules = append(own.Rules, ownRules(p, value[string](p, "name"), cluster)...)
		own.Groups = append(own.Groups, ownGroups(p, value[string](p, "name"), cluster)...)
		own.VMGroups = append(own.VMGroups, foreignGroups(p, value[string](p, "name"), nil)...)
	}
	return own, nil
}
