package model

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/chartvalues"
)

// Chart is a Helm chart and what it is installed with. It comes from one of Repository,
// OCI and Path.
type Chart struct {
	Name       string // in Repository
	Repository string // URL of an HTTP repository
	OCI        string // reference without a tag, with its oci://
	Path       string // directory or archive
	// Version is exact; empty for Path: the chart's.
	Version string
	// Digest is what the chart is held to; empty: nothing.
	Digest string

	Namespace string
	Values    []string // YAML texts, of which a later one wins
	// Override is the cluster's own YAML text, which wins over Values; empty: none.
	Override string
	// Wait has a release count as applied once its objects are ready, within Timeout,
	// which bounds its hooks in any case.
	Wait    bool
	Timeout time.Duration

	// Resolved is what was found; zero where nothing was looked for, as in a refresh.
	Resolved ResolvedChart
}

// ResolvedChart is what a chart has turned out to be.
type ResolvedChart struct {
	Name    string
	Version string
	Digest  string
	// Problem is why it cannot be installed, in whole sentences; empty: it can.
	Problem string
	// Unreachable is whether that is for now: its server did not answer.
	Unreachable bool
	// Later is whether it is looked for in the apply alone: a plan does not know yet how its
	// server is asked, such as with which password.
	Later bool
}

// hash identifies where the release is, and its values by meaning, so that comments, the order
// of keys and quoting are no change. Which chart it is, its digest says, wherever it is from.
func (c *Chart) hash() string {
	return digestOf(append([]string{"chart", c.Namespace}, valuesMeaning(c.AllValues())...))
}

// AllValues are the values that the chart is installed with, of which a later one wins.
func (c *Chart) AllValues() []string {
	if c.Override == "" {
		return c.Values
	}
	return append(slices.Clip(c.Values), c.Override)
}

// Source identifies where the chart is from, with its version: for one that is not found there.
func (c *Chart) Source() string {
	return digestOf([]string{c.Repository, c.Name, c.OCI, c.Path, c.Version})
}

func digestOf(parts []string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Identity identifies what a release of the resolved chart is made of.
func (c *Chart) Identity() string {
	sum := sha256.Sum256([]byte(c.hash() + c.Resolved.Digest))
	return hex.EncodeToString(sum[:8])
}

// valuesMeaning is what values come to, merged; as they are written where one of them is
// not what values are.
func valuesMeaning(texts []string) []string {
	merged, err := chartvalues.Merge(texts)
	if err != nil {
		return texts
	}
	return []string{chartvalues.Encoded(merged)}
}

// Release identifies a release of Helm in a cluster, and what it was made of.
type Release struct {
	Namespace string
	Name      string
	Chart     string
	Version   string
}

// DeployedRelease is a revision of a release that is deployed.
type DeployedRelease struct {
	Namespace string
	Name      string
	Revision  int
	// Version is that of its chart; empty: Helm has not stored it.
	Version string
	// ServerSide says that Helm has applied it on the server's side.
	ServerSide bool
	// Manifest is what its chart has rendered to, but for its hooks.
	Manifest string
}

// ErrReleaseGone says that a release is not in its cluster any more.
var ErrReleaseGone = errors.New("it is not in the cluster any more")

// Release is what a pack's chart becomes.
func (k Pack) Release() Release {
	chart := k.Chart.Resolved
	if chart.Name == "" {
		chart.Name = cmp.Or(k.Chart.Name, k.Chart.repository())
	}
	if chart.Version == "" {
		chart.Version = k.Chart.Version
	}
	return Release{Namespace: k.Chart.Namespace, Name: k.Name, Chart: chart.Name, Version: chart.Version}
}

// repository is the last part of an OCI reference, which has the chart's name.
func (c *Chart) repository() string { return c.OCI[strings.LastIndex(c.OCI, "/")+1:] }

// AppliedPack is what a cluster holds of a pack.
type AppliedPack struct {
	// Hash is that of the pack that was applied; empty: applying or uninstalling one has
	// begun, and not come to an end.
	Hash string
	// Digest is that of its chart, of the one that was applied last.
	Digest string `json:",omitempty"`
	// Source is where the chart was from.
	Source string `json:",omitempty"`
	// Release is what a chart was installed as; nil: the pack has manifests.
	Release *Release `json:",omitempty"`
	// Credentials are the Secret that was written for it; nil: none.
	Credentials *Credentials `json:",omitempty"`
	// Position is among the packs of its time: what came later goes earlier.
	Position int `json:",omitempty"`
	// Profile is what the profile's values were; nil: the pack had no override, or it is not known.
	Profile *ProfileValues `json:",omitempty"`
	// Inventory says that the cluster has an inventory of the objects of its manifests. A
	// pack of manifests that an older Gantry applied has none.
	Inventory bool `json:",omitempty"`
	// NotReady says that its objects were waited for and that no run has seen them ready since they
	// were applied.
	NotReady bool `json:",omitempty"`
	// KeepObjects is as in the pack, and Layer is its layer: a pack of manifests that is taken
	// out is judged by them.
	KeepObjects bool   `json:",omitempty"`
	Layer       string `json:",omitempty"`
	// Retiring are the objects of its release of which some version of Kubernetes does not serve
	// the API any more, each kind once. Helm can do nothing about a release of which the cluster
	// does not serve all.
	Retiring []ObjectKind `json:",omitempty"`
}

// Nothing reports whether a cluster holds nothing of a pack.
func (a AppliedPack) Nothing() bool { return reflect.DeepEqual(a, AppliedPack{}) }

// HasManifests reports whether the cluster has objects of manifests of the pack.
func (a AppliedPack) HasManifests() bool { return a.Inventory || a.Release == nil && a.Hash != "" }

// Applied reports whether a pack is what the cluster holds, as far as is known: a chart that
// nothing looked for counts as what it was, and so does one that is not found where it was.
// One on this machine is what it is now.
func (k Pack) Applied(have AppliedPack) bool {
	if have.Hash == "" || have.Hash != k.Hash() {
		return false
	}
	switch {
	case k.Chart == nil:
		return k.KeepObjects == have.KeepObjects
	case k.Chart.Resolved.Digest != "":
		return have.Digest == k.Chart.Resolved.Digest
	case k.Chart.Resolved.Problem != "", k.Chart.Resolved.Later:
		return k.Chart.Path == "" && have.Source == k.Chart.Source()
	}
	return true
}

// Unresolved reports whether nothing can be done about a pack that was begun and not finished:
// its chart is out of reach for now.
func (k Pack) Unresolved(have AppliedPack) bool {
	return k.Chart != nil && k.Chart.Resolved.Unreachable && have.Release != nil && have.Hash == "" && have.Source == k.Chart.Source()
}

// UnmarshalJSON reads what this Gantry writes, and the bare hash of those before it.
func (a *AppliedPack) UnmarshalJSON(raw []byte) error {
	var hash string
	if json.Unmarshal(raw, &hash) == nil {
		*a = AppliedPack{Hash: hash}
		return nil
	}
	type plain AppliedPack
	return json.Unmarshal(raw, (*plain)(a))
}
