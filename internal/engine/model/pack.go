package model

import (
	"crypto/sha256"
	"encoding/hex"
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

// Deployment is a Deployment of a pack that is waited for.
type Deployment struct {
	Namespace string
	Name      string
	Timeout   time.Duration
	Advice    string // what to check when it does not become available, as a sentence
}
