package packs

import (
	"fmt"
	"slices"

	releasev1 "helm.sh/helm/v4/pkg/release/v1"
)

// The labels of a release by which another run knows whose it is and what it was made of.
// Helm's own command keeps them.
const (
	clusterLabel = "gantry.io/cluster"
	packLabel    = "gantry.io/pack"
	contentLabel = "gantry.io/content"
)

func (o *operation) labels(identity string) map[string]string {
	return map[string]string{clusterLabel: o.cluster, packLabel: o.name, contentLabel: identity}
}

// made reports whether a revision was made for the pack of this cluster.
func (o *operation) made(r *releasev1.Release) bool {
	return r.Labels[clusterLabel] == o.cluster && r.Labels[packLabel] == o.name
}

// foreign reports whether no Gantry has made any of the revisions.
func foreign(revisions []*releasev1.Release) bool {
	return !slices.ContainsFunc(revisions, func(r *releasev1.Release) bool { return r.Labels[packLabel] != "" })
}

// ours is an error where the release is not this pack's to change. What is pending is judged
// by what it is to replace.
func (o *operation) ours(revisions []*releasev1.Release) error {
	last := revisions[len(revisions)-1]
	if good := lastGood(revisions); last.Info.Status.IsPending() && good != nil {
		last = good
	}
	if o.made(last) {
		return nil
	}
	return fmt.Errorf("the release %s/%s was not made for this pack: its revision %d lacks the labels %s=%s and %s=%s. Give the pack "+
		"another name, or take the release out, with all that it runs, by `helm uninstall -n %s %s`. To hand it over to the pack as it is: "+
		"`kubectl label --overwrite secret -n %s sh.helm.release.v1.%s.v%d %s=%s %s=%s`",
		o.namespace, o.name, last.Version, clusterLabel, o.cluster, packLabel, o.name, o.namespace, o.name,
		o.namespace, o.name, last.Version, clusterLabel, o.cluster, packLabel, o.name)
}
