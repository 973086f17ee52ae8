package model

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/sshkey"
)

// BuiltWith identifies what of a spec a node takes over at its first boot and keeps. The
// hashes are keyed with the cluster's authorities: a proxy's URL may carry a password,
// and whoever may see a VM can read its marker. An empty one is not known, as in the
// marker of a Gantry that did not write it, and is no difference; of settings see WithSettings.
type BuiltWith struct {
	SSHKeys    string `json:"ssh_keys,omitempty"`
	NTPServers string `json:"ntp_servers,omitempty"`
	Proxy      string `json:"proxy,omitempty"`
	// Registry are mirrors, their CA and the sandbox image, ImageRepository where images come
	// from, and KubeVIPImage, on nodes of the control plane, its own.
	Registry        string `json:"registry,omitempty"`
	ImageRepository string `json:"image_repository,omitempty"`
	KubeVIPImage    string `json:"kube_vip_image,omitempty"`
	// Components are the settings of those of the control plane, on its nodes.
	Components string `json:"components,omitempty"`
	Kubelet    string `json:"kubelet,omitempty"`
	// Setup are the files and commands of the node's pool.
	Setup string `json:"setup,omitempty"`
}

// SetBuiltWith derives what a node is built with from the spec, where the secrets are at
// hand. Values that mean the same are one: of an SSH key the comment does not count, and
// of keys, servers and exceptions not their order.
func (s *ClusterSpec) SetBuiltWith(secrets *Secrets) {
	s.setCredentials(secrets)
	s.setProfileValues(secrets)
	s.BuiltWith = BuiltWith{}
	s.builtSetups = nil
	s.noSettings = BuiltWith{}
	s.configIdentity = ""
	if secrets == nil || secrets.Authorities == nil {
		return
	}
	s.BuiltWith = BuiltWith{
		SSHKeys:    keyedHash(secrets.Authorities, "SSH keys", canonical(s.SSHAuthorizedKeys, sshkey.Canonical)),
		NTPServers: keyedHash(secrets.Authorities, "NTP servers", canonical(s.NTPServers, canonicalServer)),
		Proxy:      keyedHash(secrets.Authorities, "proxy", canonicalProxy(s.Proxy)),
		Components: keyedHash(secrets.Authorities, "components", s.components()),
		Kubelet:    keyedHash(secrets.Authorities, "kubelet", s.kubelet()),
	}
	s.setBuiltRegistry(secrets.Authorities)
	none := ClusterSpec{}
	s.noSettings = BuiltWith{
		Components: keyedHash(secrets.Authorities, "components", none.components()),
		Kubelet:    keyedHash(secrets.Authorities, "kubelet", none.kubelet()),
		Setup:      keyedHash(secrets.Authorities, "setup", encodedSetup(none.ControlPlane.Setup)),
	}
	none.setBuiltRegistry(secrets.Authorities)
	s.noSettings.Registry = none.BuiltWith.Registry
	s.noSettings.ImageRepository = none.BuiltWith.ImageRepository
	s.noSettings.KubeVIPImage = none.BuiltWith.KubeVIPImage
	s.builtSetups = map[string]string{}
	for _, pool := range s.NodePools() {
		if !pool.importedSetup() {
			s.builtSetups[pool.Name] = keyedHash(secrets.Authorities, "setup", encodedSetup(pool.Setup))
		}
	}
	if p := s.Proxy; p != nil && p.NoProxy != "" && p.HTTP == "" {
		s.BuiltWith.Proxy = "" // of an import, which brings no secrets: without http there are no exceptions
	}
}

// BuiltWithOf is what the nodes of a pool are built with.
func (s *ClusterSpec) BuiltWithOf(pool NodePool) BuiltWith {
	built := s.BuiltWith
	built.Setup = s.builtSetups[pool.Name]
	if !pool.ControlPlane() {
		built.Components = ""
		built.KubeVIPImage = ""
	}
	return built
}

// components are the settings of the control plane's components, and the files that these
// see of their node.
func (s *ClusterSpec) components() []string {
	settings := s.Settings
	parts := encoded([]any{settings.APIServer, settings.ControllerManager, settings.Scheduler, settings.AuditPolicy, settings.OIDC})
	return append(parts, settings.Mounts(s.ControlPlane.Setup.Files)...)
}

func (s *ClusterSpec) kubelet() []string {
	return encoded([]any{s.Settings.Kubelet, s.Settings.KubeletConfig})
}

// WithSettings is what the marker of a node says that it was built with, by the hashes of the
// spec. One that says nothing of settings is of before there were any: there were none.
func (s *ClusterSpec) WithSettings(marker BuiltWith) BuiltWith {
	marker.Components = cmp.Or(marker.Components, s.noSettings.Components)
	marker.Kubelet = cmp.Or(marker.Kubelet, s.noSettings.Kubelet)
	marker.Setup = cmp.Or(marker.Setup, s.noSettings.Setup)
	marker.Registry = cmp.Or(marker.Registry, s.noSettings.Registry)
	marker.ImageRepository = cmp.Or(marker.ImageRepository, s.noSettings.ImageRepository)
	marker.KubeVIPImage = cmp.Or(marker.KubeVIPImage, s.noSettings.KubeVIPImage)
	return marker
}

// importedSetup reports whether the pool has a file whose content is not known, as after an
// import, which brings no secrets.
func (p *NodePool) importedSetup() bool {
	return slices.ContainsFunc(p.Setup.Files, func(f bootstrap.File) bool { return f.Content == "" })
}

// encodedSetup are files, in any order, and commands.
func encodedSetup(setup bootstrap.Setup) []string {
	files := slices.SortedFunc(slices.Values(setup.Files), func(a, b bootstrap.File) int { return strings.Compare(a.Path, b.Path) })
	return encoded([]any{slices.Concat(files), slices.Concat(setup.PreBootstrap), slices.Concat(setup.PostBootstrap)})
}

// encoded are values as JSON, where what is empty and what is not there are the same.
func encoded(values []any) []string {
	var all []string
	for _, value := range values {
		raw, _ := json.Marshal(value) // of texts, which can always be encoded
		if text := string(raw); text == "{}" || text == "[]" {
			raw = []byte("null")
		}
		all = append(all, string(raw))
	}
	return all
}

func keyedHash(authorities *pki.Authorities, kind string, values []string) string {
	raw, _ := json.Marshal(values) // texts can always be encoded
	return authorities.KeyedHash(kind + " " + string(raw))
}

// Differs lists the fields of which another one is known to have been built with other
// values.
func (b BuiltWith) Differs(other BuiltWith) []FieldName {
	var fields []FieldName
	for _, part := range []struct {
		field FieldName
		a, b  string
	}{
		{FieldSSHKeys, b.SSHKeys, other.SSHKeys},
		{FieldNTPServers, b.NTPServers, other.NTPServers},
		{FieldProxy, b.Proxy, other.Proxy},
		{FieldComponents, b.Components, other.Components},
		{FieldKubelet, b.Kubelet, other.Kubelet},
		{FieldSetup, b.Setup, other.Setup},
		{FieldRegistry, b.Registry, other.Registry},
		{FieldImageRepository, b.ImageRepository, other.ImageRepository},
		{FieldKubeVIPImage, b.KubeVIPImage, other.KubeVIPImage},
	} {
		if part.a != "" && part.b != "" && part.a != part.b {
			fields = append(fields, part.field)
		}
	}
	return fields
}

// canonical is a set of values, each in one spelling.
func canonical(values []string, spell func(string) string) []string {
	var set []string
	for _, value := range values {
		if value = spell(strings.TrimSpace(value)); value != "" {
			set = append(set, value)
		}
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// canonicalServer is a name or an address of a server.
func canonicalServer(server string) string {
	if addr, err := netip.ParseAddr(server); err == nil {
		return addr.String()
	}
	return strings.ToLower(strings.TrimSuffix(server, "."))
}

// canonicalProxy are the parts of a proxy; none where there is no proxy.
func canonicalProxy(p *Proxy) []string {
	if p == nil || *p == (Proxy{}) {
		return nil
	}
	exceptions := canonical(strings.Split(p.NoProxy, ","), strings.ToLower)
	parts := []string{canonicalURL(p.HTTP), canonicalURL(p.HTTPS), strings.Join(exceptions, ",")}
	return append(parts, canonicalBundle(p.CACertificate)...)
}

// canonicalBundle are certificates in PEM, in any order.
func canonicalBundle(text string) []string {
	bundle, err := pki.ParseBundle(text)
	if err != nil {
		return []string{strings.TrimSpace(text)}
	}
	var certificates []string
	for _, certificate := range bundle {
		certificates = append(certificates, base64.StdEncoding.EncodeToString(certificate.Raw))
	}
	return canonical(certificates, strings.TrimSpace)
}

func canonicalURL(text string) string {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return text
	}
	u.Host = strings.ToLower(u.Host)
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u.String()
}
