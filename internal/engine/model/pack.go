package model

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Pack is a group of Kubernetes manifests that are applied together.
type Pack struct {
	Name      string
	Layer     string // cni, cpi, csi or addon
	Manifests []string

	// Digest identifies a version of the pack where the manifests hold what no plan
	// may depend on, such as a write-only secret. Empty: the manifests do.
	Digest string
	// Await is what has to become available for the pack to count as applied; nil:
	// nothing.
	Await *Deployment
}

// Hash identifies what a pack applies.
func (k Pack) Hash() string {
	if k.Digest != "" {
		return k.Digest
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
	Advice    string // what to check when it does not become available, as a sentence
}
