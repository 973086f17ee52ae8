package bootstrap

import (
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// repositoryPattern is a repository without its registry.
var repositoryPattern = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+|__[a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+|__[a-z0-9]+)*)*$`)

// mirrorPathPattern is the path of a mirror's URL, with what all requests of the API begin with.
var mirrorPathPattern = regexp.MustCompile(`^(/[A-Za-z0-9._~-]*)*$`)

var (
	errLogin    = errors.New("not of printable ASCII characters, which all registries take")
	errUsername = errors.New("a text with a colon, at which a user ends for a registry")
)

// CheckMirrored returns an error for what is not the host of images that can have mirrors.
func CheckMirrored(host string) error {
	switch {
	case host == AllHosts:
		return nil
	case host == indexDockerIO || host == registryDockerIO:
		return errors.New("not the host that images have: theirs is " + dockerIO)
	case !isRegistry(host):
		return errors.New("not the host of a registry as images name it, such as docker.io or registry.example.com:5000, in lower case and " +
			"without a scheme, nor " + AllHosts + " for all hosts that are not named")
	}
	return nil
}

// isRegistry reports whether an image may begin with the host.
func isRegistry(host string) bool {
	name := host
	if alone, port, err := net.SplitHostPort(host); err == nil {
		if port == "" || !isPort(port) {
			return false
		}
		name = alone
	}
	if address, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return address.Is4()
	}
	return (strings.ContainsAny(host, ".:") || host == "localhost") && len(validation.IsDNS1123Subdomain(name)) == 0
}

// CheckMirrorURL returns an error for what is not the URL of a mirror. The error does not quote
// it: it may hold a password.
func CheckMirrorURL(text string) error {
	address, err := url.Parse(text)
	form := errors.New("not a URL such as https://mirror.example.com:5000, of the scheme http or https, in lower case but for its path")
	switch {
	case err != nil || address.Hostname() == "" || !isPort(address.Port()),
		!strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://"):
		return form
	case address.User != nil:
		return errors.New("a URL with a user or a password, which containerd does not read")
	case address.RawQuery != "" || address.Fragment != "" || strings.ContainsAny(text, "?#"):
		return errors.New("a URL with a query or a fragment, which a registry does not have")
	case !isMirrorHost(address) || !mirrorPathPattern.MatchString(address.EscapedPath()):
		return form
	case address.Path != "" && !slices.Contains(strings.Split(address.Path, "/"), "v2"):
		return errors.New("a URL whose path has no element v2, with which the API of registries begins, such as " +
			"https://mirror.example.com/v2/docker-hub: of a registry without a path of its own leave the path out")
	case address.Path != "" && address.Path != path.Clean(address.Path):
		return errors.New("a URL with . or .. in its path, or a slash at its end")
	}
	return nil
}

func isMirrorHost(address *url.URL) bool {
	if _, err := netip.ParseAddr(address.Hostname()); err == nil {
		return true
	}
	return len(validation.IsDNS1123Subdomain(address.Hostname())) == 0
}

// CheckRepository returns an error for what kubeadm takes no images from. The error does not
// quote it: it may be the address of a registry with a password.
func CheckRepository(repository string) error {
	registry, rest, inside := strings.Cut(repository, "/")
	if repository == DefaultRepository {
		return errors.New("what kubeadm takes images from anyway, and without the image of kube-vip: leave it out")
	}
	if !isRegistry(registry) || inside && !repositoryPattern.MatchString(rest) || len(repository) > 200 {
		return errors.New("not a registry with or without a path in it, such as registry.example.com/kubernetes, " +
			"in lower case and without a scheme, a tag or a slash at its end")
	}
	return nil
}

func (r Registry) validate(p *problems) {
	for _, host := range slices.Sorted(maps.Keys(r.Mirrors)) {
		if err := CheckMirrored(host); err != nil {
			p.add("Registry.Mirrors", "%q is %v", host, err)
		}
		if len(r.Mirrors[host]) == 0 {
			p.add("Registry.Mirrors", "%s has no mirror", host)
		}
		for _, mirror := range r.Mirrors[host] {
			if err := CheckMirrorURL(mirror); err != nil {
				p.add("Registry.Mirrors", "a mirror of %s is %v", host, err)
			}
		}
	}
	if r.CACertificate != "" {
		if block, _ := pem.Decode([]byte(r.CACertificate)); block == nil || block.Type != "CERTIFICATE" || !text(r.CACertificate) {
			p.add("Registry.CACertificate", "not a PEM certificate")
		}
	}
	if r.Repository != "" {
		if err := CheckRepository(r.Repository); err != nil {
			p.add("Registry.Repository", "%v", err)
		}
	}
	if err := CheckUsername(r.Username); err != nil {
		p.add("Registry.Username", "%v", err)
	}
	if r.Username != "" && len(r.Mirrors) == 0 && r.Repository == "" {
		p.add("Registry.Username", "the user of mirrors and of an image repository, and there are neither. "+
			"For a registry that is asked itself, name it as its own mirror")
	}
	for field, image := range map[string]string{"Registry.SandboxImage": r.SandboxImage, "Registry.KubeVIPImage": r.KubeVIPImage} {
		if image == "" {
			continue
		}
		if err := CheckImage(image); err != nil {
			p.add(field, "%v", err)
		}
	}
}

// validateLogin checks what a plan may not know.
func (r Registry) validateLogin(p *problems) {
	if r.Username != "" && r.Password == "" {
		p.add("Registry.Password", "the user of the registries has no password")
	}
	if err := CheckLogin(r.Password); err != nil {
		p.add("Registry.Password", "%v", err)
	}
}

// checkOwn refuses users' files in place of those that the registry says.
func (r Registry) checkOwn(files []File, p *problems) {
	own := map[string]bool{}
	for host := range r.hosts() {
		own[host] = true
		own[directoryOf(host)] = true
	}
	for _, file := range files {
		if directory, inside := strings.CutPrefix(path.Dir(file.Path), mirrorDirectory); inside && own[directory] {
			p.add("Setup", "%v", fmt.Errorf("the file %q cannot be written: it belongs to Gantry; set the attribute registry", file.Path))
		}
	}
}
