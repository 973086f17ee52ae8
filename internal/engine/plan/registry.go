package plan

import (
	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// repositoryFindings refuse an image repository before the nodes know the way to it: kube-proxy,
// CoreDNS and packs take the new images while the nodes are old. These know neither mirrors, CA
// and login of the same change, nor, of those that they have, that they are for the repository's
// registry too, and would wait for the images for ever.
func repositoryFindings(v view) model.Findings {
	var f model.Findings
	r, want := v.spec.Registry, v.spec.BuiltWith
	if !v.apiReached() || r.Repository == "" || bootstrap.CheckRepository(r.Repository) != nil || want.Registry == "" {
		return f
	}
	way := len(r.Mirrors) > 0 || r.CACertificate != "" || r.Username != ""
	reached := r.ReachedWith(v.facts.API.Kubeadm.ImageRepository)
	none := v.spec.WithSettings(model.BuiltWith{}).ImageRepository
	cannotPull, before := false, "without image_repository"
	for _, m := range v.facts.Machines {
		built := v.spec.WithSettings(m.Marker.BuiltWith)
		if built.ImageRepository == want.ImageRepository || (!way || built.Registry == want.Registry) && reached {
			continue
		}
		cannotPull = true
		if built.ImageRepository != none {
			before = "with the former image_repository"
		}
	}
	if !cannotPull {
		return f
	}
	mirror := ""
	if !reached {
		mirror = " and with the new repository's registry as its own mirror, " + r.OwnMirror() + ","
	}
	f.Refuse(model.ClusterField(model.FieldImageRepository), "The nodes do not know the way to the image repository yet",
		"Its images are taken by what runs on the nodes before these are replaced, and nodes of this %s were built without these mirrors, "+
			"this CA certificate or this user and password for its registry. Apply registry %s first%s which rolls the nodes, and then with "+
			"the new one.", v.spec.Kind, before, mirror)
	return f
}
