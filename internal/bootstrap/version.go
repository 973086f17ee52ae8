package bootstrap

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// release is a Kubernetes version.
type release struct {
	major, minor int
	text         string // without "v"
}

var releasePattern = regexp.MustCompile(`^(\d{1,3})\.(\d{1,3})\.(\d{1,3})(-[0-9A-Za-z.-]{1,32})?$`)

// oldestMinor is the first that ran without the Docker shim, and the oldest
// whose control-plane taint is the one that add-ons tolerate today.
const oldestMinor = 24

func parseRelease(text string) (release, error) {
	parts := releasePattern.FindStringSubmatch(text)
	if parts == nil {
		return release{}, fmt.Errorf("%q is not a version such as 1.34.2", text)
	}
	major, errMajor := strconv.Atoi(parts[1])
	minor, errMinor := strconv.Atoi(parts[2])
	if err := errors.Join(errMajor, errMinor); err != nil {
		return release{}, err
	}
	if major != 1 || minor < oldestMinor {
		return release{}, fmt.Errorf("%s is not supported; the oldest is 1.%d", text, oldestMinor)
	}
	return release{major: major, minor: minor, text: text}, nil
}

func (r release) atLeast(major, minor int) bool {
	return r.major > major || r.major == major && r.minor >= minor
}

// tag returns the version as kubeadm writes it.
func (r release) tag() string { return "v" + r.text }

// version returns the node's version, of a node that validate has passed.
func (n Node) version() release {
	parsed, _ := parseRelease(n.KubernetesVersion) // validate has parsed it
	return parsed
}
