// Package kubeversion compares versions of Kubernetes, and knows what kubeadm of each
// installs and which of them may serve side by side. It is pure.
package kubeversion

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is a version of Kubernetes, or of a component that counts as it does.
type Version struct {
	Major, Minor, Patch int
	// Pre is a pre-release such as "rc.1"; empty: a release.
	Pre string
}

var form = regexp.MustCompile(`^v?(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:-([0-9A-Za-z.-]{1,32}))?(?:[+_][0-9A-Za-z._-]*)?$`)

// Parse reads a full version, with or without a leading v. What a build adds after a
// plus sign, or after an underscore in the tag of an image, does not count.
func Parse(text string) (Version, error) {
	parts := form.FindStringSubmatch(text)
	if parts == nil {
		return Version{}, fmt.Errorf("%q is not a version such as 1.37.2", text)
	}
	var v Version
	for i, to := range []*int{&v.Major, &v.Minor, &v.Patch} {
		*to, _ = strconv.Atoi(parts[i+1]) // at most three digits
	}
	v.Pre = parts[4]
	return v, nil
}

// String is the version without a leading v.
func (v Version) String() string {
	text := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		text += "-" + v.Pre
	}
	return text
}

// Tag is the version as kubeadm and the tags of images have it.
func (v Version) Tag() string { return "v" + v.String() }

// MinorString is the version without its patch.
func (v Version) MinorString() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Compare orders versions; a pre-release comes before its release.
func (v Version) Compare(w Version) int {
	return cmp.Or(v.CompareMinor(w), cmp.Compare(v.Patch, w.Patch), comparePre(v.Pre, w.Pre))
}

// CompareMinor orders versions by their minor releases alone.
func (v Version) CompareMinor(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor))
}

// MinorsAfter is by how many minor releases the version is newer than another one of
// its major release; negative: older.
func (v Version) MinorsAfter(w Version) int { return v.Minor - w.Minor }

func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, errM := strconv.Atoi(x[i])
		n, errN := strconv.Atoi(y[i])
		order := cmp.Compare(x[i], y[i])
		switch {
		case errM == nil && errN == nil:
			order = cmp.Compare(m, n)
		case errM == nil:
			order = -1 // a number comes before a word
		case errN == nil:
			order = 1
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Compare(len(x), len(y))
}

// numbers are the dotted numbers in a name, and inName is one that Kubernetes may have.
var (
	numbers = regexp.MustCompile(`\d+(?:\.\d+)+`)
	inName  = regexp.MustCompile(`^1\.[2-9]\d\.\d{1,2}$`)
)

// InName finds the version of Kubernetes in the name of an image, such as
// gantry-node-1.37.2 or ubuntu-24.04-kube-v1.37.2; false where it holds none, or several.
func InName(name string) (Version, bool) {
	var found []string
	for _, number := range numbers.FindAllString(name, -1) {
		if inName.MatchString(number) {
			found = append(found, number)
		}
	}
	if len(found) != 1 {
		return Version{}, false
	}
	v, err := Parse(found[0])
	return v, err == nil
}
