package model

import "github.com/gantry/terraform-provider-gantry/internal/ledger/record"

// PlannedGateway is what is known of a gateway beyond the ledger, while a plan is made.
type PlannedGateway struct {
	// Planned reports whether the run has planned it, Changed whether it creates or changes
	// it: then the ledger does not say how it will be.
	Planned bool
	Changed bool
	// Proxy is how it will reach out; nil: without a proxy. ProxyUnknown reports whether
	// that is not known yet.
	Proxy        *record.Proxy
	ProxyUnknown bool
}
