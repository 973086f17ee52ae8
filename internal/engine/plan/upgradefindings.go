package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

// upgradeFindings judge a change of versions.
func upgradeFindings(v view) model.Findings {
	f := poolSkew(v)
	f.Add(removedAPIs(v))
	f.Add(removedOfReleases(v))
	u, ok := v.upgrade()
	if !ok {
		return f
	}
	byHand, raised := v.raisedByHand(u)
	switch mixed := u.oldest.Compare(u.newest) != 0; {
	case raised:
		f.Refuse(kubernetesField, "Kubernetes was upgraded by other means",
			"The ConfigMap kube-system/kubeadm-config of %s %q is at %s, which Gantry has not written, as after `kubeadm upgrade`, and the "+
				"configuration asks for %s. It is not written back below what the control plane may run by now: set the version to %[3]s, "+
				"and the image to one of it. Where no node was upgraded, write the version back by hand (kubectl -n kube-system edit configmap "+
				"kubeadm-config).", v.spec.Kind, v.spec.Name, byHand, u.target)
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

// raisedByHand is the version of kubeadm-config, where that is newer than the spec's and not
// of an upgrade by Gantry that was taken back.
func (v view) raisedByHand(u upgrade) (kubeversion.Version, bool) {
	has, err := kubeversion.Parse(v.facts.API.Kubeadm.Version)
	return has, err == nil && v.facts.API.Answered() && !v.facts.API.Kubeadm.Ours && has.Compare(u.target) > 0 && has.Compare(u.newest) > 0
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
		f.Warn(TemplateField(pool), "The image may be of another Kubernetes version",
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

// removedOfReleases refuses an upgrade to a version that does not serve all that a release of a
// chart has: packs are changed only after the control plane, and then Helm can neither upgrade the
// release nor take it out.
func removedOfReleases(v view) model.Findings {
	var f model.Findings
	target, err := kubeversion.Parse(v.spec.KubernetesVersion)
	if err != nil || !v.upgrades() {
		return f
	}
	present, _ := v.upgrade()
	for _, name := range sortedKeys(v.facts.API.Packs) {
		for _, kind := range v.facts.API.Packs[name].Retiring {
			since, removed := target.Removed(kind.APIVersion, kind.Kind)
			if _, gone := present.oldest.Removed(kind.APIVersion, kind.Kind); !removed || gone {
				continue // the upgrade changes nothing of it
			}
			field := packsField
			if _, stays := v.pack(name); stays {
				field = model.PackField(name, model.FieldChart)
			}
			f.Refuse(field, "A release has an API that the version does not serve",
				"The release of the pack %q has an object of kind %s in %s, which Kubernetes no longer serves from %s on, and the version is %s: "+
					"Helm could then neither upgrade the release nor take it out. Leave kubernetes_version as it is, apply a version of the chart, or "+
					"values, without that API (any change of values renders the chart anew for the cluster as it is), or take the pack out, "+
					"and upgrade after.",
				name, kind.Kind, kind.APIVersion, since.MinorString(), target)
		}
	}
	return f
}
