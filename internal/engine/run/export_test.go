package run

import (
	"context"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Poll is how a run waits for the cluster's API.
var Poll = poll

// GuardVCenter and GuardAPI are the ports as a run has them.
func GuardVCenter(vc model.VCenter, check func(context.Context) error) model.VCenter {
	return guardedVCenter{VCenter: vc, check: check}
}

// GuardAPI is GuardVCenter for the cluster's API.
func GuardAPI(api model.API, check func(context.Context) error) model.API {
	return guardedAPI{API: api, check: check}
}
