package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// cloudProviderFindings judge the pack of layer cpi against the nodes: whether their
// kubelets run as it needs them, whether it has initialized them, and whether users want
// to set what it sets.
func cloudProviderFindings(v view) model.Findings {
	f := kubeletFindings(v)
	f.Add(cloudLabelFindings(v))
	uninitialized := model.Uninitialized(v.facts.API.Nodes)
	if len(uninitialized) == 0 || !v.facts.API.Answered() || !v.spec.HasCPI() || len(f.Problems) > 0 || v.changesPack(model.LayerCPI) {
		return f
	}
	summary := howMany(uninitialized, "A node is not initialized by the cloud provider", "Nodes are not initialized by the cloud provider")
	f.Warn(packsField, summary,
		"The pack of layer cpi is applied, and it has not initialized %s: such a node has the taint %s, and takes no pods. "+
			"The logs of the pack's pods say why. Usual reasons: its configuration has the wrong address of vCenter, credentials or datacenters; "+
			"it trusts no certificate of vCenter's; it names tag categories of zones, and neither the hosts nor what is above them have such tags; "+
			"it asks for IPv4 addresses, and the nodes have IPv6 (ipFamily). "+
			"Correct the pack and apply: the apply waits until every node is initialized.",
		quoted(uninitialized), model.TaintUninitialized)
	return f
}

var packsField = model.ClusterField(model.FieldPacks)

// changesPack reports whether a pack of the layer has yet to be applied.
func (v view) changesPack(layer string) bool {
	return slices.ContainsFunc(v.spec.Packs, func(k model.Pack) bool {
		have := v.facts.API.Packs[k.Name]
		return k.Layer == layer && !(k.Applied(have) && k.CredentialsApplied(have) && v.drift(k).SetsBack() == 0)
	})
}

// kubeletFindings refuse to bring a cloud provider into a running cluster, or to take it
// out: what its kubelets were started with changes only when all nodes are replaced, the
// control plane's among them.
func kubeletFindings(v view) model.Findings {
	var f model.Findings
	if !v.apiReached() {
		return f
	}
	var others []string
	for _, m := range v.facts.Machines {
		if v.stays(m) && m.Marker.ExternalCloudProvider != v.spec.HasCPI() {
			others = append(others, m.Marker.Node)
		}
	}
	slices.Sort(others)
	switch {
	case len(others) == 0:
	case v.spec.HasCPI():
		f.Refuse(packsField, "A running cluster cannot be given a cloud provider",
			"A pack of layer cpi needs kubelets that were started for it (cloud-provider=external), those of %s were not, "+
				"and control-plane nodes are not replaced yet. Take the pack out of the profile, or create another cluster with it.", quoted(others))
	default:
		f.Refuse(packsField, "A running cluster cannot do without its cloud provider",
			"The kubelets of %s were started for a cloud provider (cloud-provider=external), without which a node that joins takes no pods, "+
				"and control-plane nodes are not replaced yet. Keep a pack of layer cpi in the profile, under any name and with any manifests, "+
				"or create another cluster without it.", quoted(others))
	}
	return f
}

// cloudLabelFindings refuse labels that the cloud provider sets: it would set them back.
func cloudLabelFindings(v view) model.Findings {
	var f model.Findings
	if !v.spec.HasCPI() {
		return f
	}
	for _, pool := range v.spec.NodePools() {
		var taken []string
		for _, label := range model.CloudLabels {
			if _, set := pool.Meta.Labels[label]; set {
				taken = append(taken, label)
			}
		}
		if len(taken) > 0 {
			f.Refuse(nodePoolField(pool.Name), "The cloud provider sets this label",
				"The pack of layer cpi sets %s on every node, from the VM and from the zone tags in vCenter. Remove it from labels.", quoted(taken))
		}
	}
	return f
}
