package kubeversion_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

func parse(t *testing.T, text string) kubeversion.Version {
	t.Helper()
	v, err := kubeversion.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1.37.2":          "1.37.2",
		"v1.37.2":         "1.37.2",
		"1.37.0-rc.1":     "1.37.0-rc.1",
		"v1.37.2+gantry1": "1.37.2",
		"v1.37.2_vendor":  "1.37.2",
	} {
		if got := parse(t, text); got.String() != want || got.Tag() != "v"+want {
			t.Errorf("%s is read as %s", text, got)
		}
	}
	for _, text := range []string{"", "1.37", "v", "1.37.2.3", "latest", "1.37.x", "1.3700.0", " 1.37.2"} {
		if v, err := kubeversion.Parse(text); err == nil {
			t.Errorf("%q is read as %s", text, v)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	ordered := []string{"1.9.9", "1.36.3", "1.37.0-alpha.2", "1.37.0-alpha.10", "1.37.0-rc.1", "1.37.0", "1.37.2", "1.37.10", "2.0.0"}
	shuffled := slices.Clone(ordered)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, func(a, b string) int { return parse(t, a).Compare(parse(t, b)) })
	if !slices.Equal(shuffled, ordered) {
		t.Errorf("sorted %v", shuffled)
	}
	if parse(t, "1.37.0").CompareMinor(parse(t, "1.37.9")) != 0 || parse(t, "1.37.0").MinorsAfter(parse(t, "1.34.2")) != 3 {
		t.Error("minor releases are compared with their patches")
	}
}

func TestInName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"gantry-node-1.34.2":                "1.34.2",
		"ubuntu-24.04.1-kube-v1.37.2":       "1.37.2",
		"photon-5-kube-v1.36.3-20260801":    "1.36.3",
		"k8s1.37.2.ova":                     "1.37.2",
		"node":                              "",
		"ubuntu-2404":                       "",
		"kube-1.37":                         "",
		"from-1.36.3-to-1.37.2":             "",
		"flatcar-4152.2.0":                  "",
		"templates/1.36.3/node":             "1.36.3",
		"node-11.37.2":                      "",
		"kube-v1.37.2-containerd-v2.1.4-v3": "1.37.2",
	} {
		got := ""
		if v, ok := kubeversion.InName(name); ok {
			got = v.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
