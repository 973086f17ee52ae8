package ledger

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
)

// PoolBody is the body of a pool's record. Either Start and End are set or
// Subnet is.
type PoolBody struct {
	Name                    string   `json:"name"`
	Start                   string   `json:"start,omitempty"`
	End                     string   `json:"end,omitempty"`
	Subnet                  string   `json:"subnet,omitempty"`
	PrefixLength            int      `json:"prefix_length,omitempty"`
	DefaultGateway          string   `json:"default_gateway,omitempty"`
	Nameservers             []string `json:"nameservers,omitempty"`
	SearchDomains           []string `json:"search_domains,omitempty"`
	Excluded                []string `json:"excluded,omitempty"` // each as ipam.ParseRange reads it
	RestrictToSingleCluster bool     `json:"restrict_to_single_cluster,omitempty"`
	// Network is the vSphere network that the addresses live on.
	Network string `json:"network,omitempty"`
	// ReuseDelaySeconds is how long a released address rests; nil is
	// DefaultReuseDelay.
	ReuseDelaySeconds *int `json:"reuse_delay_seconds,omitempty"`
}

// DefaultReuseDelay is how long a released address rests before another cluster
// gets it, where the pool does not say.
const DefaultReuseDelay = 5 * time.Minute

// ReuseDelay is how long a released address rests before another cluster gets
// it.
func (b PoolBody) ReuseDelay() time.Duration {
	if b.ReuseDelaySeconds == nil {
		return DefaultReuseDelay
	}
	return time.Duration(min(max(0, *b.ReuseDelaySeconds), math.MaxInt32)) * time.Second
}

// Equal tells whether two bodies mean the same. In what order addresses are
// excluded does not matter.
func (b PoolBody) Equal(other PoolBody) bool {
	plain := func(b PoolBody) string {
		b.Excluded = slices.Sorted(slices.Values(b.Excluded))
		seconds := int(b.ReuseDelay() / time.Second)
		b.ReuseDelaySeconds = &seconds
		raw, _ := json.Marshal(b) // strings and numbers: it cannot fail
		return string(raw)
	}
	return plain(b) == plain(other)
}

// IPAM is the pool's addresses. Errors are *ipam.FieldError.
func (b PoolBody) IPAM() (ipam.Pool, error) {
	if b.Subnet != "" {
		return ipam.NewSubnet(b.Subnet, b.PrefixLength, b.DefaultGateway, b.Excluded...)
	}
	return ipam.New(b.Start, b.End, b.PrefixLength, b.DefaultGateway, b.Excluded...)
}

// Pool is the pool to claim from; id is its record's. Errors are
// *ipam.FieldError.
func (b PoolBody) Pool(id uuid.UUID) (Pool, error) {
	addresses, err := b.IPAM()
	if err != nil {
		return Pool{}, err
	}
	return Pool{
		ID: id, Name: b.Name, Pool: addresses, SingleCluster: b.RestrictToSingleCluster,
		Network: b.Network, ReuseDelay: b.ReuseDelay(),
	}, nil
}

// AccountBody is the body of a cloud account's record. It holds no secret.
type AccountBody struct {
	Server   string `json:"server"`
	Username string `json:"username"`
}
