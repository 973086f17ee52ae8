package plan

import (
	"cmp"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// packStages apply what differs from what was applied last, in the order given:
// one stage each, since one may need what the one before it brought. The network's are
// those without which no node takes pods. What has to make room goes first.
func packStages(v view) (network, others []model.Stage) {
	if v.apiSilent() {
		return nil, nil
	}
	network = uninstallStages(v)
	var waits []model.Step
	for i, pack := range v.spec.Packs {
		steps := packSteps(v, pack, i)
		if pack.BeforeWorkers() {
			waits = append(waits, waitsOf(pack, steps)...)
		}
		if len(steps) == 0 {
			continue
		}
		stage := model.Stage{
			Name:      "pack " + pack.Name,
			Rollout:   v.upgrades(), // its objects may need the new version
			OnFailure: model.SkipRollouts,
			Steps:     steps,
		}
		if pack.BeforeWorkers() {
			network = append(network, stage)
		} else {
			others = append(others, stage)
		}
	}
	if len(waits) > 0 {
		wait := model.Stage{Name: "packs of nodes", Parallel: true, Rollout: v.upgrades(), OnFailure: model.SkipRollouts, Steps: waits}
		others = append([]model.Stage{wait}, others...)
	}
	return network, others
}

// waitsOf are the steps that wait for what the steps of a pack apply that is applied before the
// workers join. They come after that: some of its objects may have no node before.
func waitsOf(pack model.Pack, steps []model.Step) (waits []model.Step) {
	for _, step := range steps {
		if s, applies := step.(model.ApplyPack); applies && pack.Wait {
			waits = append(waits, model.WaitForPack{Pack: pack, Only: s.SetsBack})
		}
	}
	return waits
}

// packSteps are what is done about one: its credentials are there before it, and go after it
// where it has none any more.
func packSteps(v view, pack model.Pack, position int) []model.Step {
	have := v.facts.API.Packs[pack.Name]
	var before, after []model.Step
	if old := have.Credentials; old != nil && !sameSecret(pack.Credentials, old) {
		deletion := model.DeleteCredentials{Pack: pack.Name, Credentials: *old}
		if pack.Credentials != nil {
			before = append(before, deletion)
		} else {
			after = append(after, deletion)
		}
	}
	if pack.Credentials != nil && !pack.CredentialsApplied(have) {
		before = append(before, model.WriteCredentials{Pack: pack})
	}
	switch {
	case pack.Unresolved(have) && !sameSecret(pack.Credentials, have.Credentials):
		return nil // its pods go on with what they have
	case !pack.Unresolved(have) && v.releaseGone(pack):
		before = append(before, model.InstallPack{Pack: pack, Position: position})
		return append(before, after...)
	case pack.Unresolved(have), pack.Applied(have) && pack.Chart != nil:
		return append(before, after...)
	case pack.Applied(have) && !v.objectsDiffer(pack) && !pack.WaitsAgain(have):
		if drift := v.drift(pack); drift.SetsBack() > 0 {
			before = append(before, driftStep(pack, position, drift))
		}
		return append(before, after...)
	}
	return append(append(before, packStep(v, pack, position)), after...)
}

func sameSecret(a, b *model.Credentials) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Target() == b.Target()
}

func packStep(v view, pack model.Pack, position int) model.Step {
	if pack.Chart == nil {
		step := model.ApplyPack{Pack: pack, Position: position}
		if len(pack.Manifests) > 0 { // otherwise they are not known before the apply
			step.Prunes = len(v.prunes(pack.Name, pack.KeepObjects))
		}
		return step
	}
	have := v.facts.API.Packs[pack.Name]
	// One whose first installation has failed is still being installed: it has no digest yet.
	if have.Digest == "" || have.Release == nil || moves(pack, have) {
		return model.InstallPack{Pack: pack, Position: position}
	}
	return model.UpgradePack{Pack: pack, Position: position}
}

// moves reports whether a pack's release has to go before the pack can be applied.
func moves(pack model.Pack, have model.AppliedPack) bool {
	return have.Release != nil && (pack.Chart == nil || pack.Chart.Namespace != have.Release.Namespace)
}

// uninstallStages take out the releases and objects of packs that are not in the profile any
// more, or that are to be elsewhere: the last one that was applied first. Where one of them fails, those
// that it may need stay.
func uninstallStages(v view) []model.Stage {
	var uninstalls []model.UninstallPack
	var deletions []model.Step // of Secrets that the packs mount until they are gone
	for _, name := range sortedKeys(v.facts.API.Packs) {
		have := v.facts.API.Packs[name]
		pack, stays := v.pack(name)
		switch {
		case have.Release != nil && (!stays || moves(pack, have)):
			uninstalls = append(uninstalls, model.UninstallPack{Pack: name, Release: *have.Release, Moves: stays})
		case have.HasManifests() && (!stays || pack.Chart != nil):
			uninstalls = append(uninstalls, model.UninstallPack{
				Pack: name, Objects: len(v.prunes(name, have.KeepObjects)), KeepObjects: have.KeepObjects, Moves: stays,
			})
		}
		if have.Credentials != nil && !stays {
			deletions = append(deletions, model.DeleteCredentials{Pack: name, Credentials: *have.Credentials})
		}
	}
	slices.SortStableFunc(uninstalls, func(a, b model.UninstallPack) int {
		return cmp.Compare(v.facts.API.Packs[b.Pack].Position, v.facts.API.Packs[a.Pack].Position)
	})
	var steps []model.Step
	for _, s := range uninstalls {
		steps = append(steps, s)
	}
	steps = append(steps, deletions...)
	if len(steps) == 0 {
		return nil
	}
	return []model.Stage{{Name: "uninstall packs", Rollout: v.upgrades(), OnFailure: model.SkipRollouts, Steps: steps}}
}

// pack returns the pack of that name.
func (v view) pack(name string) (model.Pack, bool) {
	for _, pack := range v.spec.Packs {
		if pack.Name == name {
			return pack, true
		}
	}
	return model.Pack{}, false
}

func packFindings(v view) model.Findings {
	var f model.Findings
	if v.apiReached() && !v.facts.API.Answered() {
		return f // what the cluster holds is not known, and nothing is planned about packs
	}
	for _, pack := range v.spec.Packs {
		if pack.Chart != nil && pack.Chart.Resolved.Problem != "" {
			f.Add(chartFindings(v, pack, v.facts.API.Packs[pack.Name]))
		}
	}
	f.Add(credentialsFindings(v))
	if !v.facts.API.Answered() {
		return f
	}
	f.Add(overrideFindings(v))
	f.Add(manifestsFindings(v))
	f.Add(driftFindings(v))
	return f
}

// chartFindings judge a chart that cannot be installed: where that is to be done, or what it is
// installed on changes, the plan is refused. What runs of it stays as it is otherwise.
func chartFindings(v view, pack model.Pack, have model.AppliedPack) model.Findings {
	var f model.Findings
	field := model.PackField(pack.Name, model.FieldChart)
	resolved := pack.Chart.Resolved
	switch {
	case pack.Unresolved(have):
		f.Warn(field, "The chart cannot be reached", "%s The pack %q, whose last change did not come to an end, is left as it is until then.",
			resolved.Problem, pack.Name)
	case !pack.Applied(have) || resolved.Digest != "" && v.upgrades():
		f.Refuse(field, "Unable to use the chart", "%s", resolved.Problem)
	case !resolved.Unreachable:
		f.Warn(field, "The chart could not be installed again", "%s What is installed of the pack %q is left as it is.",
			resolved.Problem, pack.Name)
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
