package engine

import (
	"context"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// InDatacenter reports whether a name means the datacenter that a cluster or gateway is
// in, as it is recorded. It changes nothing.
func (e *Engine) InDatacenter(ctx context.Context, ref record.Ref, name string) (bool, error) {
	o := e.observer(false)
	rec, err := o.Record(ctx, ref)
	if err != nil {
		return false, err
	}
	if rec.Datacenter == "" {
		return false, fmt.Errorf("the ledger has no record of %s, which says in which datacenter it is; "+
			"apply once with the former name, which writes the record again", ref.Describe())
	}
	survey, err := e.Reader.Survey(ctx, model.SurveyRequest{Names: &model.Names{Datacenter: name}, MaxAge: o.MaxAge})
	if err != nil {
		return false, fmt.Errorf("read the inventory of vCenter: %w", err)
	}
	return survey.Site.Datacenter == rec.Datacenter, nil
}
