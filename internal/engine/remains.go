package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Remains are what is left of a cluster or gateway of which nothing runs: a record with
// its addresses, and perhaps VMs that are off.
type Remains struct {
	ID          uuid.UUID
	Incarnation record.Incarnation
	// OwnIPPool is the name of a gateway's inline IP pool; empty: it has none.
	OwnIPPool string
	// VMs are how many VMs of it vCenter shows.
	VMs int
}

// RunningError says that VMs are powered on of what is to be destroyed without asking
// its API.
type RunningError struct{ VMs []string }

func (e *RunningError) Error() string {
	return fmt.Sprintf("VMs of it are powered on: %s", model.Listed(e.VMs))
}

// Remains reads what is left of a cluster or gateway of which no state is known. It is a
// *RunningError where one of its VMs is powered on.
func (e *Engine) Remains(ctx context.Context, ref record.Ref) (*Remains, error) {
	observer := e.observer(false)
	registered, err := registeredAs(ctx, observer, ref)
	if err != nil {
		return nil, err
	}
	remains := &Remains{ID: registered.ID, Incarnation: registered.Incarnation}
	survey, err := e.Reader.Survey(ctx, model.SurveyRequest{Cluster: registered.ID, MaxAge: e.Timing.ReadMaxAge})
	if err != nil {
		return nil, fmt.Errorf("read the inventory of vCenter: %w", err)
	}
	var running []string
	for _, m := range survey.Machines {
		if m.PoweredOn {
			running = append(running, m.Path)
		}
	}
	if len(running) > 0 {
		return nil, &RunningError{VMs: running}
	}
	remains.VMs = len(survey.Machines)
	if ref.Kind == record.KindGateway {
		remains.OwnIPPool, err = ownIPPool(ctx, observer.Ledger, ref, registered)
	}
	return remains, err
}

// ownIPPool is the name of the inline IP pool of a gateway: the one of its pools that it
// may hold addresses of.
func ownIPPool(ctx context.Context, tags ledger.Reader, ref record.Ref, registered model.Record) (string, error) {
	children, err := tags.Children(ctx, tags.ID(ref))
	if err != nil {
		return "", fmt.Errorf("list what belongs to gateway %q: %w", ref.Name, err)
	}
	for _, child := range children {
		if child.Kind == record.KindIPPool && slices.Contains(registered.IPPools, tags.ID(child)) {
			return child.Name, nil
		}
	}
	return "", nil
}
