package model

import "github.com/gantry/terraform-provider-gantry/internal/pki"

// Secrets are what only the state holds: the certificate authorities and the
// administrator's kubeconfig issued from them.
type Secrets struct {
	Authorities *pki.Authorities `json:"authorities"`
	Kubeconfig  []byte           `json:"kubeconfig,omitempty"`
	// VCenter is the instance UUID of the vCenter that they are used in.
	VCenter string `json:"vcenter,omitempty"`
}

// The Secrets of kube-system in which a cluster holds what import needs and what
// of its packs was applied.
const (
	SecretPKI     = "gantry-pki"
	SecretCluster = "gantry-cluster"
	// PacksKey is the key of SecretCluster under which the applied packs are.
	PacksKey = "packs"
)
