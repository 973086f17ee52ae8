package enginecrud

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Forcer is implemented by models whose destruction may be forced.
type Forcer interface {
	// ForcedAfter returns after what time without progress it is; 0: it is not.
	ForcedAfter() time.Duration
}

// forcedAfter is after what time without progress a destruction is forced; 0: it is not.
func forcedAfter(m Model) time.Duration {
	if forcer, ok := m.(Forcer); ok {
		return forcer.ForcedAfter()
	}
	return 0
}

// destroy destroys, and where that is forced warns of what it has left.
func (d *Driver[T, M]) destroy(ctx context.Context, eng *engine.Engine, target model.Target, m M, diags *diag.Diagnostics) error {
	after := forcedAfter(m)
	if after == 0 {
		return eng.Destroy(ctx, target)
	}
	left, err := eng.ForceDestroy(ctx, target, after)
	if err == nil && left != "" {
		diags.AddWarning(fmt.Sprintf("The deletion of %s was forced", d.subject(m)), left)
	}
	return err
}
