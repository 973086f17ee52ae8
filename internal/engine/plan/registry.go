package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// repositoryFindings refuse an image repository in the same change as the way to it: kube-proxy,
// CoreDNS and packs take the new images while the nodes are old, which know neither the mirrors
// nor the CA and the login yet, and would wait for them for ever.
func repositoryFindings(v view) model.Findings {
	var f model.Findings
	r, want := v.spec.Registry, v.spec.BuiltWith
	way := len(r.Mirrors) > 0 || r.CACertificate != "" || r.Username != ""
	if !v.apiReached() || r.Repository == "" || !way || want.Registry == "" {
		return f
	}
	cannotPull := slices.ContainsFunc(v.facts.Machines, func(m model.Machine) bool {
		built := v.spec.WithSettings(m.Marker.BuiltWith)
		return built.ImageRepository != want.ImageRepository && built.Registry != want.Registry
	})
	if cannotPull {
		f.Refuse(model.ClusterField(model.FieldImageRepository), "The nodes do not know the way to the image repository yet",
			"Its images are taken by what runs on the nodes before these are replaced, and nodes of this %s were built without these mirrors, "+
				"this CA certificate or this user and password. Apply registry without image_repository first, which rolls the nodes, and "+
				"then with it. Without mirrors, name the repository's registry as its own mirror, "+
				`such as mirrors = { "registry.example.com" = ["https://registry.example.com"] }.`, v.spec.Kind)
	}
	return f
}
