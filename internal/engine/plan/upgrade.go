package plan

import (
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
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
	for _, step := range slices.Concat(controlPlane.cleanup, stepsOf(controlPlane.rollout)) {
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

// staysOld reports whether nodes of the control plane that are not replaced now are of an
// older version than the spec's. kubeadm-config is then theirs, with which no newer one
// may join.
func (v view) staysOld(postponed []string) bool {
	u, ok := v.upgrade()
	return ok && u.pending() && slices.ContainsFunc(v.machines(model.ControlPlanePool), func(m model.Machine) bool {
		version, err := kubeversion.Parse(m.Marker.KubernetesVersion)
		return err == nil && version.Compare(u.target) < 0 && slices.Contains(postponed, m.Marker.Node)
	})
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
	return []model.Step{model.UpdateKubeadmConfig{
		Cluster: v.spec.Name, Version: u.target.String(), DropsRepository: v.spec.Registry.Repository == "" && v.builtFromRepository(),
	}}
}

// settingsDiffer reports whether joining nodes would find other settings of the control
// plane's components, or another image repository, than the spec's. What kubeadm init has stored
// is what all nodes were built with until it is written for the first time.
func (v view) settingsDiffer() bool {
	want := v.spec.ConfigIdentity()
	if has := v.facts.API.Kubeadm.Settings; want == "" || has != "" {
		return want != "" && has != want
	}
	return slices.ContainsFunc(v.machines(model.ControlPlanePool), func(m model.Machine) bool {
		return v.stays(m) && v.spec.WithSettings(m.Marker.BuiltWith).Components != v.spec.BuiltWith.Components
	}) || v.builtFromRepository()
}

// builtFromRepository reports whether a node of the control plane was built with another image
// repository than the spec's, which may be none.
func (v view) builtFromRepository() bool {
	want := v.spec.BuiltWith.ImageRepository
	return want != "" && slices.ContainsFunc(v.machines(model.ControlPlanePool), func(m model.Machine) bool {
		return v.stays(m) && v.spec.WithSettings(m.Marker.BuiltWith).ImageRepository != want
	})
}

// addonSteps bring the add-ons that kubeadm has installed to the version of the spec, once
// all of the control plane is, and to its image repository.
func addonSteps(v view) []model.Step {
	u, ok := v.upgrade()
	if !ok || v.left != nil || !v.facts.API.Answered() {
		return nil
	}
	facts := v.facts.API.Kubeadm
	var steps []model.Step
	for _, addon := range []struct {
		name, version, target string
		from, standard        string
	}{
		{model.AddonKubeProxy, facts.KubeProxy, u.target.String(), facts.KubeProxyFrom, bootstrap.DefaultRepository},
		{model.AddonCoreDNS, facts.CoreDNS, u.target.CoreDNS(), facts.CoreDNSFrom, bootstrap.DefaultRepository + "/coredns"},
	} {
		has, err := kubeversion.Parse(addon.version)
		if err != nil {
			continue // there is none, or it is another's
		}
		image := model.AddonImage{From: v.addonMoves(addon.from, addon.standard)}
		// Of a version that is newer than what is known of CoreDNS there is none.
		if want, err := kubeversion.Parse(addon.target); err == nil && has.Compare(want) < 0 {
			image.Version = want.String()
		}
		if image != (model.AddonImage{}) {
			steps = append(steps, model.UpdateAddon{Name: addon.name, AddonImage: image})
		}
	}
	return steps
}

// addonMoves is where the image of an add-on is to come from, which comes from somewhere else;
// empty: it stays. Without an image repository only one of Gantry's is left.
func (v view) addonMoves(from, standard string) string {
	want := v.spec.Registry.Repository
	facts := v.facts.API.Kubeadm
	ours := slices.Contains(strings.Split(facts.Repositories, ","), from) || from == facts.ImageRepository && v.builtFromRepository()
	switch {
	case from == "" || from == want || want == "" && from == standard:
		return ""
	case want == "" && !ours:
		return ""
	case want == "":
		return standard
	}
	return want
}

// versionField is where the version of a pool's nodes stands.
func versionField(pool model.NodePool) model.Field {
	if pool.KubernetesVersion == "" {
		return kubernetesField
	}
	return model.NodePoolField(pool.Name, model.FieldKubernetes)
}
