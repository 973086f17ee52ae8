package ledger

import (
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// IPPool is a registered IP pool to claim addresses from.
type IPPool struct {
	ID   uuid.UUID // of its record
	Name string
	ipam.Pool
	// SingleCluster reserves the pool for the first cluster that claims from it.
	SingleCluster bool
	// ReuseDelay is how long a released address cools down, by vCenter's clock:
	// until then no other cluster gets it.
	ReuseDelay time.Duration
}

// NewIPPool returns the IP pool that a record with this id and body describes.
// Errors are *ipam.FieldError.
func NewIPPool(id uuid.UUID, body record.IPPool) (IPPool, error) {
	addresses, err := body.Addresses()
	if err != nil {
		return IPPool{}, err
	}
	return IPPool{
		ID:            id,
		Name:          body.Name,
		Pool:          addresses,
		SingleCluster: body.RestrictToSingleCluster,
		ReuseDelay:    body.ReuseDelay(),
	}, nil
}

// label names the pool in errors.
func (p IPPool) label() string {
	if p.Name == "" {
		return p.ID.String()
	}
	return p.Name
}
