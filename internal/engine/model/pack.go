package model

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Pack is a Helm chart, or a group of Kubernetes manifests that are applied together.
type Pack struct {
	Name      string
	Layer     string // cni, cpi, csi or addon
	Manifests []string

	// Chart is what a pack without manifests installs, by a release of the pack's name.
	Chart *Chart
	// DependsOn are packs of the same layer that have to be applied before this one.
	DependsOn []string

	// Credentials are the Secret by which it logs in to vCenter; nil: none.
	Credentials *Credentials

	// profile are the hashes of what the profile's values have at each key, and remembered is
	// what a cluster keeps of them; nil: there is no override, or the secrets are not at hand.
	profile    map[string]string
	remembered *ProfileValues

	// Digest identifies a version of the pack where the manifests hold what no plan
	// may depend on, such as a write-only secret. Empty: the manifests do.
	Digest string
	// KeepObjects has objects that leave the manifests, or that the pack leaves behind when it
	// is taken out, stay in the cluster.
	KeepObjects bool
	// IgnoresDrift has no one look whether its objects are as the last apply has left them.
	IgnoresDrift bool
	// Wait has the objects of its manifests be ready within WaitTimeout before what comes after it
	// begins. Those of a chart have their own.
	Wait        bool
	WaitTimeout time.Duration
	// Await is what has to become available for the pack to count as applied; nil:
	// nothing.
	Await *Deployment
}

// Hash identifies what a pack applies. What a chart contains is not in it: its digest is
// known only where the chart has been resolved.
func (k Pack) Hash() string {
	if k.Digest != "" {
		return k.Digest
	}
	if k.Chart != nil {
		return k.Chart.hash()
	}
	h := sha256.New()
	for _, m := range k.Manifests {
		h.Write([]byte(m))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// ObjectKind is what an object of a manifest claims to be.
type ObjectKind struct{ APIVersion, Kind string }

// Kinds are what the objects of the pack claim to be, each once, as far as their
// documents say so at the beginning of a line.
func (k Pack) Kinds() []ObjectKind {
	var kinds []ObjectKind
	for _, manifest := range k.Manifests {
		var kind ObjectKind
		for line := range strings.Lines(manifest + "\n---\n") {
			key, value, _ := strings.Cut(line, ":")
			value = strings.Trim(strings.TrimSpace(value), `"'`)
			switch {
			case key == "apiVersion":
				kind.APIVersion = value
			case key == "kind":
				kind.Kind = value
			case strings.HasPrefix(line, "---"):
				if kind != (ObjectKind{}) && !slices.Contains(kinds, kind) {
					kinds = append(kinds, kind)
				}
				kind = ObjectKind{}
			}
		}
	}
	return kinds
}

// Deployment is a Deployment of a pack that is waited for.
type Deployment struct {
	Namespace string
	Name      string
	Timeout   time.Duration
	// Explain says why it has not become available, and what to do, in whole sentences.
	// What containers have said comes from outside.
	Explain func(ends []ContainerEnd) string
}

// ContainerEnd is how a container of a pod has ended, or why it has not started.
type ContainerEnd struct {
	Pod string
	// Waiting is why it does not start, such as ImagePullBackOff; empty: it has run.
	Waiting string
	// Message is what the kubelet or the scheduler says.
	Message string
	// ExitCode and Log are of its last end, Log the last lines that it printed.
	ExitCode int32
	Log      string
}
