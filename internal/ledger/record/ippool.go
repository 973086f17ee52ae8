package record

import (
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/ipam"
)

// DefaultReuseDelay is how long a released address cools down where its IP pool
// does not say.
const DefaultReuseDelay = 5 * time.Minute

// IPPool is the body of an IP pool's record. Either Start and End are set or
// Subnet is.
type IPPool struct {
	// Incarnation is the creation that the record belongs to; empty for a gateway's
	// inline pool, which is the gateway's.
	Incarnation             Incarnation `json:"incarnation,omitempty"`
	Name                    string      `json:"name"`
	Start                   string      `json:"start,omitempty"`
	End                     string      `json:"end,omitempty"`
	Subnet                  string      `json:"subnet,omitempty"`
	PrefixLength            int         `json:"prefix_length,omitempty"`
	DefaultGateway          string      `json:"default_gateway,omitempty"`
	Nameservers             []string    `json:"nameservers,omitempty"`
	SearchDomains           []string    `json:"search_domains,omitempty"`
	Excluded                []string    `json:"excluded,omitempty"` // each as ipam.ParseRange reads it
	RestrictToSingleCluster bool        `json:"restrict_to_single_cluster,omitempty"`
	// Network is the vSphere network that the addresses live on; empty where it
	// is not given.
	Network string `json:"network,omitempty"`
	// ReuseDelaySeconds is how long a released address cools down; nil is
	// DefaultReuseDelay.
	ReuseDelaySeconds *int `json:"reuse_delay_seconds,omitempty"`
	// Written is when the record was written, in milliseconds of Unix time by the clock of
	// who wrote it; 0: long ago. Nothing depends on it but whether a plan that is made
	// in the same run, on the same machine, can have known of the record.
	Written int64 `json:"written,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *IPPool) UnmarshalJSON(raw []byte) error {
	if err := CheckVersion(raw); err != nil {
		return err
	}
	type wire IPPool
	return json.Unmarshal(raw, (*wire)(p))
}

// ReuseDelay returns how long a released address cools down: until then no
// other cluster gets it.
func (p IPPool) ReuseDelay() time.Duration {
	if p.ReuseDelaySeconds == nil {
		return DefaultReuseDelay
	}
	return time.Duration(min(max(0, *p.ReuseDelaySeconds), math.MaxInt32)) * time.Second
}

// Addresses returns the pool's addresses. Errors are *ipam.FieldError.
func (p IPPool) Addresses() (ipam.Pool, error) {
	if p.Subnet != "" {
		return ipam.NewSubnet(p.Subnet, p.PrefixLength, p.DefaultGateway, p.Excluded...)
	}
	return ipam.New(p.Start, p.End, p.PrefixLength, p.DefaultGateway, p.Excluded...)
}

// Equal reports whether two bodies mean the same. The order in which addresses
// are excluded does not matter, nor how an address is spelled.
func (p IPPool) Equal(other IPPool) bool {
	canonical := func(p IPPool) string {
		for _, address := range []*string{&p.Start, &p.End, &p.Subnet, &p.DefaultGateway} {
			*address = canonicalAddress(*address)
		}
		p.Nameservers = canonicalAddresses(p.Nameservers)
		p.Excluded = canonicalAddresses(p.Excluded)
		slices.Sort(p.Excluded)
		seconds := int(p.ReuseDelay() / time.Second)
		p.ReuseDelaySeconds = &seconds
		p.Written = 0
		raw, _ := json.Marshal(p) // strings and numbers: it cannot fail
		return string(raw)
	}
	return canonical(p) == canonical(other)
}

func canonicalAddresses(texts []string) []string {
	var addresses []string
	for _, text := range texts {
		addresses = append(addresses, canonicalAddress(text))
	}
	return addresses
}

// canonicalAddress is the one spelling of an address or a network; what is neither, as a
// range, stays as it is.
func canonicalAddress(text string) string {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.String()
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.String()
	}
	return text
}

// MayServe reports whether the pool's addresses may be those of a network. Where
// either network is not given, they may.
func (p IPPool) MayServe(network string) bool {
	return p.Network == "" || network == "" || inventoryname.MayMatch(p.Network, network)
}
