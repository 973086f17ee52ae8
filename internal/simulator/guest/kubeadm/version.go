package kubeadm

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a Kubernetes version.
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads a full version with or without the leading v.
func ParseVersion(text string) (Version, error) {
	core, _, _ := strings.Cut(strings.TrimPrefix(text, "v"), "+")
	core, _, _ = strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return Version{}, fmt.Errorf("version %q doesn't match a full Kubernetes version", text)
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return Version{}, fmt.Errorf("version %q doesn't match a full Kubernetes version", text)
		}
		numbers[i] = n
	}
	return Version{numbers[0], numbers[1], numbers[2]}, nil
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// MinorString returns the version without its patch level.
func (v Version) MinorString() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// SameMinor reports whether two versions are of one minor release.
func (v Version) SameMinor(w Version) bool { return v.Major == w.Major && v.Minor == w.Minor }

// AtLeast reports whether the version is of minor release 1.minor or a later one.
func (v Version) AtLeast(minor int) bool { return v.Major > 1 || v.Minor >= minor }
