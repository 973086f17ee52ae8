package model

import (
	"maps"
	"slices"
	"strconv"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// setBuiltRegistry derives what a node is built with of image registries, and what joining nodes
// read of that and of the settings of the control plane's components.
func (s *ClusterSpec) setBuiltRegistry(authorities *pki.Authorities) {
	r := s.Registry
	s.BuiltWith.Registry = keyedHash(authorities, "registry", s.registry())
	s.BuiltWith.ImageRepository = keyedHash(authorities, "image repository", []string{r.Repository})
	s.BuiltWith.KubeVIPImage = ""
	if !s.DHCP() {
		s.BuiltWith.KubeVIPImage = keyedHash(authorities, "kube-vip image", []string{r.KubeVIPImage})
	}
	s.configIdentity = s.BuiltWith.Components
	if r.Repository != "" {
		s.configIdentity = keyedHash(authorities, "components", append(s.components(), "image repository", r.Repository))
	}
}

// registry are the mirrors of each host, of which the order counts, their CA and the sandbox
// image.
func (s *ClusterSpec) registry() []string {
	r := s.Registry
	var mirrors [][]string
	for _, host := range slices.Sorted(maps.Keys(r.Mirrors)) {
		mirrors = append(mirrors, append([]string{host}, r.Mirrors[host]...))
	}
	parts := append(encoded([]any{mirrors, r.SandboxImage}), canonicalBundle(r.CACertificate)...)
	if r.Username != "" {
		// No state has the password, nor anything that is made of it.
		parts = append(parts, r.Username, strconv.FormatInt(r.PasswordVersion, 10))
	}
	return parts
}

// ConfigIdentity identifies what joining nodes are to read of the settings of the control plane's
// components and of the image repository; empty: it is not known.
func (s *ClusterSpec) ConfigIdentity() string { return s.configIdentity }
