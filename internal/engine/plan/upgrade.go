package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

var kubernetesField = model.ClusterField(model.FieldKubernetes)

// upgrade is what the version of a control plane comes from and goes to.
type upgrade struct {
	target         kubeversion.Version
	oldest, newest kubeversion.Version // of the control-plane nodes that there are
}

// upgrade compares the versions that control-plane nodes were built for with the spec's;
// false where there is nothing to compare.
func (v view) upgrade() (u upgrade, ok bool) {
	target, err := kubeversion.Parse(v.spec.KubernetesVersion)
	if err != nil || !v.apiReached() || v.reset {
		return u, false
	}
	for _, m := range v.machines(model.ControlPlanePool) {
		version, err := kubeversion.Parse(m.Marker.KubernetesVersion)
		if err != nil || !v.stays(m) {
			continue
		}
		if !ok || version.Compare(u.oldest) < 0 {
			u.oldest = version
		}
		if !ok || version.Compare(u.newest) > 0 {
			u.newest = version
		}
		ok = true
	}
	u.target = target
	return u, ok
}

// pending reports whether a control-plane node is of an older version than the spec's.
func (u upgrade) pending() bool { return u.oldest.Compare(u.target) < 0 }

// controlPlaneStays is the version that the control plane is left at, where the plan does
// not bring all of it to the spec's.
func (v view) controlPlaneStays(controlPlane nodePoolPlan) (kubeversion.Version, bool) {
	u, ok := v.upgrade()
	if !ok || !u.pending() {
		return kubeversion.Version{}, false
	}
	replaced := map[string]bool{}
	for _, step := range stepsOf(controlPlane.rollout) {
		if gone, ok := step.(model.DeleteNode); ok {
			replaced[gone.Machine.Marker.Node] = true
		}
	}
	for _, m := range v.machines(model.ControlPlanePool) {
		version, err := kubeversion.Parse(m.Marker.KubernetesVersion)
		if err == nil && v.stays(m) && version.Compare(u.target) < 0 && !replaced[m.Marker.Node] {
			return u.oldest, true
		}
	}
	return kubeversion.Version{}, false
}

// tooNewFor reports whether the nodes of a worker pool would be newer than the control
// plane, at the version that it is left at.
func (v view) tooNewFor(pool model.NodePool) bool {
	version, err := kubeversion.Parse(v.spec.VersionOf(pool))
	return v.left != nil && err == nil && version.Compare(*v.left) > 0
}

// waitsForUpgrade reports whether nodes of a worker pool can join only after the control
// plane is upgraded: they are newer than a node of it.
func (v view) waitsForUpgrade(pool model.NodePool) bool {
	u, ok := v.upgrade()
	version, err := kubeversion.Parse(v.spec.VersionOf(pool))
	return ok && u.pending() && (err != nil || version.Compare(u.oldest) > 0)
}

// upgrades reports whether the plan brings the control plane to a newer version.
func (v view) upgrades() bool {
	u, ok := v.upgrade()
	return ok && u.pending() && v.left == nil
}

// upgradeStages replace the control plane before anything that needs its new version, and
// bring the add-ons after it. Workers that are not newer than any node of it need not wait
// for that. Where the version stays, the control plane is rolled with the other pools.
func upgradeStages(v view, pools []nodePoolPlan) []model.Stage {
	addons := model.Stage{Name: "add-ons", Rollout: true, OnFailure: model.SkipRollouts, Steps: addonSteps(v)}
	if !v.upgrades() {
		return stages(addons)
	}
	early := creationStage(pools[1:], func(step model.Step) bool { return !v.waitsForUpgrade(step.(model.CreateNode).NodePool) })
	return slices.Concat(stages(early), pools[0].rollout, stages(addons))
}

// creationStage creates those of the missing nodes of worker pools that are chosen.
func creationStage(workers []nodePoolPlan, chosen func(model.Step) bool) model.Stage {
	steps := each(workers, func(x nodePoolPlan) []model.Step { return x.create })
	return model.Stage{
		Name:      "workers",
		Parallel:  true,
		OnFailure: model.SkipRollouts,
		Steps:     slices.DeleteFunc(steps, func(s model.Step) bool { return !chosen(s) }),
	}
}

// lateCreations creates the workers that are missing, but for those that need not wait for
// an upgrade.
func lateCreations(v view, workers []nodePoolPlan) model.Stage {
	stage := creationStage(workers, func(step model.Step) bool {
		return !v.upgrades() || v.waitsForUpgrade(step.(model.CreateNode).NodePool)
	})
	stage.Rollout = v.upgrades()
	return stage
}

// lateRollouts are the pools that are rolled at the end.
func lateRollouts(v view, pools []nodePoolPlan) []nodePoolPlan {
	if v.upgrades() {
		return pools[1:]
	}
	return pools
}

// configSteps have joining nodes find the version and the settings of the spec. It comes
// before the first node of these; what an interrupted run has written is written back where
// the spec was.
func configSteps(v view) []model.Step {
	u, ok := v.upgrade()
	has := v.facts.API.Kubeadm.Version
	if !ok || v.left != nil || !v.facts.API.Answered() || has == "" || has == u.target.String() && !v.settingsDiffer() {
		return nil
	}
	return []model.Step{model.UpdateKubeadmConfig{Cluster: v.spec.Name, Version: u.target.String()}}
}

// settingsDiffer reports whether joining nodes would find other settings of the control
// plane's components than the spec's. What kubeadm init has stored is what all nodes were
// built with until it is written for the first time.
func (v view) settingsDiffer() bool {
	want := v.spec.BuiltWith.Components
	if has := v.facts.API.Kubeadm.Settings; want == "" || has != "" {
		return want != "" && has != want
	}
	return slices.ContainsFunc(v.machines(model.ControlPlanePool), func(m model.Machine) bool {
		has := m.Marker.Components
		return v.stays(m) && has != "" && has != want
	})
}

// addonSteps bring the add-ons that kubeadm has installed to the version of the spec, once
// all of the control plane is.
func addonSteps(v view) []model.Step {
	u, ok := v.upgrade()
	if !ok || v.left != nil || !v.facts.API.Answered() {
		return nil
	}
	var steps []model.Step
	for _, addon := range []model.UpdateAddon{
		{Name: model.AddonKubeProxy, Version: u.target.String()},
		{Name: model.AddonCoreDNS, Version: u.target.CoreDNS()},
	} {
		want, err := kubeversion.Parse(addon.Version)
		if err != nil {
			continue // of a version that is newer than what is known of CoreDNS
		}
		has, err := kubeversion.Parse(installed(v.facts.API.Kubeadm, addon.Name))
		if err == nil && has.Compare(want) < 0 {
			steps = append(steps, addon)
		}
	}
	return steps
}

func installed(facts model.KubeadmFacts, addon string) string {
	if addon == model.AddonKubeProxy {
		return facts.KubeProxy
	}
	return facts.CoreDNS
}

// versionField is where the version of a pool's nodes stands.
func versionField(pool model.NodePool) model.Field {
	if pool.KubernetesVersion == "" {
		return kubernetesField
	}
	return model.NodePoolField(pool.Name, model.FieldKubernetes)
}

// upgradeFindings judge a change of versions.
func upgradeFindings(v view) model.Findings {
	f := poolSkew(v)
	f.Add(removedAPIs(v))
	u, ok := v.upgrade()
	if !ok {
		return f
	}
	switch mixed := u.oldest.Compare(u.newest) != 0; {
	case u.target.Compare(u.newest) < 0:
		f.Refuse(kubernetesField, "Kubernetes is never downgraded",
			"Control-plane nodes of %s %q are of version %s, and the configuration asks for %s. etcd and the API server do not go back: "+
				"set the version to %[3]s or newer.", v.spec.Kind, v.spec.Name, u.newest, u.target)
	case mixed && u.target.CompareMinor(u.newest) > 0:
		f.Refuse(kubernetesField, "Another upgrade is under way",
			"The control plane of %s %q has nodes of the versions %s and %s: an upgrade was interrupted. "+
				"Finish it first: set the version to %[4]s, or to a newer patch of %[5]s, and apply.",
			v.spec.Kind, v.spec.Name, u.oldest, u.newest, u.newest.MinorString())
	case u.target.MinorsAfter(u.oldest) > 1 || u.target.Major != u.oldest.Major:
		f.Refuse(kubernetesField, "Kubernetes is upgraded one minor version at a time",
			"%s %q is at %s, and the configuration asks for %s. Neither kubeadm nor etcd skips a minor version. "+
				"Upgrade in these steps, each with an image of its version and an apply of its own: %s.",
			capitalized(string(v.spec.Kind)), v.spec.Name, u.oldest, u.target, minorSteps(u.oldest, u.target))
	case u.pending():
		f.Add(pendingUpgrade(v, u))
	}
	return f
}

// minorSteps are the versions that lead to another one.
func minorSteps(from, to kubeversion.Version) string {
	var steps []string
	for minor := from.Minor + 1; minor < to.Minor; minor++ {
		steps = append(steps, fmt.Sprintf("%d.%d.x", from.Major, minor))
	}
	return strings.Join(append(steps, to.String()), ", then ")
}

// pendingUpgrade says what an upgrade that may be done does, and what stands against it.
func pendingUpgrade(v view, u upgrade) model.Findings {
	var f model.Findings
	if v.facts.API.Answered() && v.facts.API.Kubeadm.Version == "" {
		f.Refuse(kubernetesField, "The cluster's kubeadm configuration cannot be read",
			"The ConfigMap kube-system/kubeadm-config of %s %q is missing, or its ClusterConfiguration is not in kubeadm.k8s.io/v1beta4 "+
				"with a version: no node of %s could join. Write it anew with `kubeadm init phase upload-config kubeadm`, or convert it with "+
				"`kubeadm config migrate`.", v.spec.Kind, v.spec.Name, u.target)
	}
	f.Add(laggards(v, u))
	noWayBack := "There is no way back: a control plane never returns to an older version"
	if from, to := u.oldest.Etcd(), u.target.Etcd(); from != to && from != "" && to != "" {
		noWayBack += fmt.Sprintf(", and etcd goes from %s to %s, whose data %[1]s does not read", from, to)
	}
	f.Warn(kubernetesField, fmt.Sprintf("Kubernetes is upgraded to %s", u.target),
		"The control plane of %s %q goes from %s to %s, one node after the other; then kube-proxy and CoreDNS, the packs, "+
			"and the worker pools. %s. Have a backup of what runs in the cluster.", v.spec.Kind, v.spec.Name, u.oldest, u.target, noWayBack)
	return f
}

// laggards refuses to leave nodes behind that are too old for the version, as where the
// rollouts of workers did not come to their end in earlier upgrades.
func laggards(v view, u upgrade) model.Findings {
	var f model.Findings
	var old []string
	for _, m := range v.facts.Machines {
		version, err := kubeversion.Parse(m.Marker.KubernetesVersion)
		if err == nil && !m.Marker.ControlPlane() && v.stays(m) && u.target.MinorsAfter(version) > kubeversion.MaxKubeletSkew {
			old = append(old, fmt.Sprintf("%s (%s)", m.Marker.Node, version))
		}
	}
	if len(old) > 0 {
		slices.Sort(old)
		f.Refuse(kubernetesField, "Worker nodes are too old for the version",
			"A node is at most %d minor versions older than the control plane, which would be at %s: %s. Roll these to a newer version first, "+
				"with the control plane as it is.", kubeversion.MaxKubeletSkew, u.target, model.Listed(old))
	}
	return f
}

// poolSkew judges the versions of worker pools that have their own.
func poolSkew(v view) model.Findings {
	var f model.Findings
	target, err := kubeversion.Parse(v.spec.KubernetesVersion)
	if err != nil {
		return f
	}
	for _, pool := range v.spec.Workers {
		version, err := kubeversion.Parse(v.spec.VersionOf(pool))
		if err != nil {
			continue // the documents' check says so
		}
		field := versionField(pool)
		switch behind := target.MinorsAfter(version); {
		case version.Compare(target) > 0:
			f.Refuse(field, "Workers are never newer than the control plane",
				"Worker pool %q asks for %s, and the control plane for %s. Upgrade the control plane first, or set the pool's version "+
					"to %[3]s or older.",
				pool.Name, version, target)
		case behind > kubeversion.MaxKubeletSkew:
			f.Refuse(field, "The worker pool is too far behind the control plane",
				"Worker pool %q asks for %s, %d minor versions behind the control plane's %s, and at most %d are supported. Set a newer version.",
				pool.Name, version, behind, target, kubeversion.MaxKubeletSkew)
		}
	}
	return f
}

// imageFindings warn where the name of an image holds another version than its nodes are
// built for. The guest refuses one whose kubeadm is of another minor version.
func (c check) imageFindings() model.Findings {
	var f model.Findings
	for _, pool := range c.spec.NodePools() {
		image := c.spec.ImageOf(pool).Template
		named, holds := kubeversion.InName(image)
		want, err := kubeversion.Parse(c.spec.VersionOf(pool))
		if !holds || err != nil || !c.uses(pool.Name) || named.Compare(want) == 0 {
			continue
		}
		consequence := "its kubelet would be of that version"
		if named.CompareMinor(want) != 0 {
			consequence = "its nodes refuse to join where its kubeadm is of that version, too"
		}
		field := model.ClusterField(model.FieldTemplate)
		if pool.Image.Template != "" {
			field = model.NodePoolField(pool.Name, model.FieldTemplate)
		}
		f.Warn(field, "The image may be of another Kubernetes version",
			"By its name, the image %q holds Kubernetes %s, and the nodes that are built from it are to be of version %s: %s. "+
				"Choose an image of version %[3]s.", image, named, want, consequence)
	}
	return f
}

// removedAPIs refuses packs whose objects the version does not serve any more.
func removedAPIs(v view) model.Findings {
	var f model.Findings
	target, err := kubeversion.Parse(v.spec.KubernetesVersion)
	if err != nil {
		return f
	}
	for _, pack := range v.spec.Packs {
		for _, kind := range pack.Kinds() {
			if since, removed := target.Removed(kind.APIVersion, kind.Kind); removed {
				f.Refuse(model.ClusterField(model.FieldPacks), "A pack uses an API that the version does not serve",
					"Pack %q has an object of kind %s in %s, which Kubernetes no longer serves from %s on, and the version is %s. "+
						"Change the manifest to the present version of that API.",
					pack.Name, kind.Kind, kind.APIVersion, since.MinorString(), target)
			}
		}
	}
	return f
}
