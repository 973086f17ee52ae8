package bootstrap

import (
	_ "embed"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

// registryScript is the part of the script that has containerd read what is here.
//
//go:embed registry.sh
var registryScript string

const (
	registryScriptPath = "/etc/gantry/registry.sh"
	mirroredPath       = "/etc/gantry/mirrored"
	registryAuthPath   = "/etc/gantry/registry-auth"
	sandboxImagePath   = "/etc/gantry/sandbox-image"
	// mirrorDirectory has a directory for each mirrored host, as containerd reads them.
	mirrorDirectory = "/etc/containerd/certs.d/"

	// DefaultRepository is where kubeadm takes images from, unless it is told otherwise.
	DefaultRepository = "registry.k8s.io"
	// AllHosts stands, among the mirrored hosts, for those that are not named.
	AllHosts = "_default"
	dockerIO = "docker.io"
	// indexDockerIO and registryDockerIO are the same registry.
	indexDockerIO    = "index.docker.io"
	registryDockerIO = "registry-1.docker.io"
)

// Registry is how a machine reaches image registries, and where what it needs itself comes from.
type Registry struct {
	// Mirrors are the URLs that are asked in place of a registry, in order, by its host.
	Mirrors map[string][]string
	// CACertificate, in PEM, is trusted for mirrors, and for the registry of Repository,
	// beside what the machine trusts.
	CACertificate string
	// Repository has all images of a node's own, each by the last part of its name; empty:
	// each is where its makers publish it.
	Repository string
	// SandboxImage and KubeVIPImage take the place of what follows from Repository.
	SandboxImage, KubeVIPImage string
	// Username and Password log in to mirrors, and to the registry of Repository. PasswordVersion
	// is the number that users give a password; 0: there is none.
	Username, Password string
	PasswordVersion    int64
}

// String keeps what a registry says out of logs and errors.
func (Registry) String() string { return "bootstrap.Registry(redacted)" }

// GoString keeps it out of %#v.
func (r Registry) GoString() string { return r.String() }

// InRepository is an image where a repository has it: by the last part of its name.
func InRepository(repository, image string) string {
	if repository == "" {
		return image
	}
	return repository + "/" + path.Base(image)
}

// KubeVIP is the image of kube-vip.
func (r Registry) KubeVIP() string {
	if r.KubeVIPImage != "" {
		return r.KubeVIPImage
	}
	return InRepository(r.Repository, kubeVIPImage)
}

// Sandbox is the image that containerd runs every pod in; empty: its own default.
func (r Registry) Sandbox(kubernetesVersion string) string {
	if r.SandboxImage != "" || r.Repository == "" {
		return r.SandboxImage
	}
	version, err := kubeversion.Parse(kubernetesVersion)
	if err != nil {
		return ""
	}
	return r.Repository + "/pause:" + version.Pause()
}

// files have containerd reach registries, and run pods, as the registry says.
func (r Registry) files(kubernetesVersion string) []writeFile {
	var files []writeFile
	hosts := r.hosts()
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		directory := mirrorDirectory + directoryOf(host)
		mirrors := hosts[host]
		files = append(files, writeFile{Path: directory + "/hosts.toml", Permissions: r.mode(), Content: r.hostsFile(host, directory, mirrors)})
		if r.CACertificate != "" && slices.ContainsFunc(mirrors, encrypted) {
			files = append(files, writeFile{Path: caPath(directory), Permissions: modePublic, Content: withNewline(r.CACertificate)})
		}
	}
	if len(hosts) > 0 {
		files = append(files, writeFile{Path: mirroredPath, Permissions: modePublic, Content: strings.TrimSuffix(mirrorDirectory, "/") + "\n"})
	}
	if auth := r.authTables(hosts); auth != "" {
		files = append(files, writeFile{Path: registryAuthPath, Permissions: modePrivate, Content: auth})
	}
	if sandbox := r.Sandbox(kubernetesVersion); sandbox != "" {
		files = append(files, writeFile{Path: sandboxImagePath, Permissions: modePublic, Content: sandbox + "\n"})
	}
	if len(files) > 0 {
		files = append(files, writeFile{Path: registryScriptPath, Permissions: modePublic, Content: withoutComments(registryScript)})
	}
	return files
}

// hosts are the URLs that containerd asks, by the host of which it is to pull. The registries of
// the machine's own images are among them where it has to be told how to reach them, and where
// they would be taken from the mirrors of all hosts otherwise, which need not have them.
func (r Registry) hosts() map[string][]string {
	hosts := maps.Clone(r.Mirrors)
	_, all := r.Mirrors[AllHosts]
	for _, image := range []string{r.Repository, r.SandboxImage, r.KubeVIPImage} {
		host, _, inside := strings.Cut(image, "/")
		host = pulledFrom(host)
		if r.CACertificate == "" && !all && (r.Username == "" || image != r.Repository) {
			continue
		}
		if _, named := hosts[host]; image == "" || !inside && image != r.Repository || !isRegistry(host) || named {
			continue
		}
		if hosts == nil {
			hosts = map[string][]string{}
		}
		hosts[host] = []string{"https://" + upstream(host)}
	}
	return hosts
}

// directoryOf is the name of the directory that containerd looks for first: one of the image for
// the same host and port would have its way otherwise.
func directoryOf(host string) string {
	if i := strings.LastIndex(host, ":"); i > 0 {
		return host[:i] + "_" + host[i+1:] + "_"
	}
	return host
}

// pulledFrom is the host under which containerd looks for the registry of an image.
func pulledFrom(host string) string {
	if host == indexDockerIO {
		return dockerIO
	}
	return host
}

// upstream is the host that serves the images of a registry.
func upstream(host string) string {
	if host == dockerIO {
		return registryDockerIO
	}
	return host
}

// hostsFile is what containerd reads of a host. What stands at its top is asked last, and is the
// host itself if it names no other: so the last mirror stands there, and nothing else than the
// mirrors is ever asked. The first one has a table of its own in any case: without one, containerd
// before 2.0 reads nothing of the file.
func (r Registry) hostsFile(host, directory string, mirrors []string) string {
	var text strings.Builder
	last := mirrors[len(mirrors)-1]
	text.WriteString("server = " + tomlQuote(last) + "\n")
	r.writeHost(&text, "", directory, last)
	if r.logsIn(host, last, mirrors) {
		text.WriteString("\n[header]\n  " + r.authorization())
	}
	for _, mirror := range mirrors[:max(1, len(mirrors)-1)] {
		text.WriteString("\n[host." + tomlQuote(mirror) + "]\n")
		r.writeHost(&text, "  ", directory, mirror)
		if r.logsIn(host, mirror, mirrors) {
			text.WriteString("  [host." + tomlQuote(mirror) + ".header]\n    " + r.authorization())
		}
	}
	return text.String()
}

func (r Registry) writeHost(text *strings.Builder, indent, directory, mirror string) {
	fmt.Fprintf(text, "%scapabilities = [\"pull\", \"resolve\"]\n", indent)
	if address, err := url.Parse(mirror); err == nil && address.Path != "" && !strings.HasSuffix(address.Path, "/v2") {
		// Otherwise containerd adds /v2 to it.
		fmt.Fprintf(text, "%soverride_path = true\n", indent)
	}
	if r.CACertificate != "" && encrypted(mirror) {
		fmt.Fprintf(text, "%sca = %s\n", indent, tomlQuote(caPath(directory)))
	}
}

// encrypted reports whether a URL is of https. To one of http that has a CA, containerd speaks
// TLS first.
func encrypted(mirror string) bool { return strings.HasPrefix(mirror, "https://") }

func caPath(directory string) string { return directory + "/ca.crt" }

// tomlQuote quotes a text of printable ASCII for TOML, whose basic strings have the escapes of Go
// that such a text can need.
func tomlQuote(text string) string { return strconv.Quote(text) }
