package bootstrap

import (
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// installScript is the part of the script that installs Kubernetes into an image that has none.
//
//go:embed install-kubernetes.sh
var installScript string

const (
	installScriptPath = "/etc/gantry/install-kubernetes.sh"
	installPath       = "/etc/gantry/install-kubernetes"
)

// Packages are those of Kubernetes, with a container runtime, that an image gets.
type Packages struct {
	// Version is that of Kubernetes, such as 1.37.2.
	Version string
	// Repository is the URL of the folder that has deb and rpm in it; empty for that of
	// Kubernetes itself.
	Repository string
}

// DefaultPackageRepository is where Kubernetes has the packages of a version.
func DefaultPackageRepository(version string) string {
	return "https://pkgs.k8s.io/core:/stable:/v" + minorOf(version)
}

// minorOf returns 1.37 of 1.37.2.
func minorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// repository is the folder with deb and rpm.
func (p Packages) repository() string {
	if p.Repository == "" {
		return DefaultPackageRepository(p.Version)
	}
	return p.Repository
}

var (
	// packagePathPattern is the path of a repository: package managers read their own meaning
	// into blanks, brackets and dollars.
	packagePathPattern = regexp.MustCompile(`^(/[A-Za-z0-9._~:+-]+)*$`)
	minorPattern       = regexp.MustCompile(`^v(1\.\d+)$`)
)

// CheckPackageRepository returns an error for what is not the URL of a package repository. The
// error does not quote it: it may hold a password.
func CheckPackageRepository(text string) error {
	address, err := url.Parse(text)
	form := errors.New("not a URL such as https://mirror.example.com/kubernetes/v1.37, in lower case but for its path")
	switch {
	case err != nil || address.Hostname() == "" || !isPort(address.Port()):
		return form
	case !strings.HasPrefix(text, "https://"):
		return errors.New("not a URL of https: the key by which its packages are checked comes from it, too")
	case address.User != nil:
		return errors.New("a URL with a user or a password, which would be in every node")
	case address.RawQuery != "" || address.Fragment != "" || strings.ContainsAny(text, "?#"):
		return errors.New("a URL with a query or a fragment, which a package repository does not have")
	case address.Path != "" && address.Path != path.Clean(address.Path):
		return errors.New("a URL with . or .. in its path, or a slash at its end")
	case !isMirrorHost(address) || !packagePathPattern.MatchString(address.EscapedPath()):
		return form
	}
	if last := path.Base(address.Path); last == "deb" || last == "rpm" {
		return fmt.Errorf("the URL of the folder %s: give the one that it is in, to which Gantry adds deb or rpm by what the image is", last)
	}
	return nil
}

// packagedPattern is a version that there are packages of by that name: a candidate's has another one.
var packagedPattern = regexp.MustCompile(`^\d{1,3}\.\d{1,3}\.\d{1,3}$`)

// Check returns an error for packages that there cannot be. What is no version it does not quote.
func (p Packages) Check() error {
	if !packagedPattern.MatchString(p.Version) {
		return errors.New("what is to be installed is not a version such as 1.37.2")
	}
	if err := checkRelease(p.Version); err != nil {
		return err
	}
	if p.Repository == "" {
		return nil
	}
	if err := CheckPackageRepository(p.Repository); err != nil {
		return fmt.Errorf("the package repository is %w", err)
	}
	for element := range strings.SplitSeq(p.Repository, "/") {
		if minor := minorPattern.FindStringSubmatch(element); minor != nil && minor[1] != minorOf(p.Version) {
			return fmt.Errorf("the package repository is that of Kubernetes %s, and %s is to be installed", minor[1], p.Version)
		}
	}
	return nil
}

// files are what the machine of which the image is made needs for it.
func (p Packages) files() []writeFile {
	return []writeFile{
		{Path: installScriptPath, Permissions: modePublic, Content: withoutComments(installScript)},
		{Path: registryScriptPath, Permissions: modePublic, Content: withoutComments(registryScript)},
		{Path: installPath, Permissions: modePublic, Content: p.Version + "\n" + p.repository() + "\n"},
	}
}
