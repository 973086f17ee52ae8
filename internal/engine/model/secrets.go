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
	// PacksKey is the key of SecretCluster under which the applied packs are, and
	// AuthoritiesKey the one that says AuthoritiesOmitted where there is no SecretPKI.
	PacksKey           = "packs"
	AuthoritiesKey     = "authorities"
	AuthoritiesOmitted = "omitted"
	// IDKey is the key of both Secrets under which the cluster's id is.
	IDKey = "id"
	// StoredAuthoritiesKey is the key of SecretPKI under which the authorities are.
	StoredAuthoritiesKey = "secrets"
)
