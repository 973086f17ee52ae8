package crud

import (
	"context"
	"errors"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// LostAnswer reports whether a call that failed with err may have been carried out.
func LostAnswer(err error) bool {
	return model.Transient(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Again makes a change that may be made twice, and makes it once more where its answer
// may have been lost: what was done already is then found to be done.
func Again(ctx context.Context, change func(context.Context) error) error {
	err := change(ctx)
	if err == nil || !LostAnswer(err) || ctx.Err() != nil {
		return err
	}
	return change(ctx)
}
