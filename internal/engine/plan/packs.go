package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// packStages apply what differs from what was applied last, in the order given:
// one stage each, since one may need what the one before it brought. The network's are
// those without which no node takes pods.
func packStages(v view) (network, others []model.Stage) {
	if v.apiSilent() {
		return nil, nil
	}
	for _, pack := range v.spec.Packs {
		if v.facts.API.Packs[pack.Name] == pack.Hash() {
			continue
		}
		stage := model.Stage{
			Name:      "pack " + pack.Name,
			Rollout:   v.upgrades(), // its objects may need the new version
			OnFailure: model.SkipRollouts,
			Steps:     []model.Step{model.ApplyPack{Pack: pack}},
		}
		if pack.Layer == model.LayerCNI || pack.Layer == model.LayerCPI {
			network = append(network, stage)
		} else {
			others = append(others, stage)
		}
	}
	return network, others
}

func packFindings(v view) model.Findings {
	var f model.Findings
	if !v.facts.API.Answered() {
		return f
	}
	var gone []string
	for _, name := range sortedKeys(v.facts.API.Packs) {
		if !slices.ContainsFunc(v.spec.Packs, func(k model.Pack) bool { return k.Name == name }) {
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		f.Refuse(model.ClusterField(model.FieldPacks), "Removing a pack is not supported",
			"The packs %s are applied to the cluster. Removing a pack from a running cluster does not work yet: keep it in the profile.",
			quoted(gone))
	}
	return f
}

// podNetworkFindings warn of a cluster whose nodes do not become Ready: at its creation,
// and as long as none of them is.
func podNetworkFindings(v view) model.Findings {
	var f model.Findings
	if v.facts.PodNetwork(v.spec) || v.apiReached() && !v.facts.API.Answered() {
		return f
	}
	f.Warn(model.ClusterField(model.FieldPacks), "No pod network",
		"No pack of %s %q has the layer cni: its nodes join and stay NotReady, so that its health is Unhealthy and no pod starts on them "+
			"but those on the host's network. Add a pack with layer = \"cni\" to profile.packs, or install a CNI plug-in on "+
			"the cluster by other means.",
		v.spec.Kind, v.spec.Name)
	return f
}
