package lifecycle

import (
	"context"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// Recover reads the certificate authorities back from what runs, by the
// kubeconfig in the state. When a provider dies in an update, Terraform keeps
// the attributes of the resource and drops its private state. The answer is nil
// where they cannot be read now; the next refresh tries again.
func Recover(ctx context.Context, eng *engine.Engine, target engine.Target, c *Computed) *engine.Secrets {
	kubeconfig := c.Kubeconfig.ValueString()
	if kubeconfig == "" {
		return nil // it was never up
	}
	found, err := eng.Import(ctx, target, []byte(kubeconfig))
	if err != nil || found.ID != c.ID.ValueString() {
		tflog.Warn(ctx, "the certificate authorities are not in the state, and could not be read from the cluster", map[string]any{"error": err})
		return nil
	}
	return found.Secrets
}
