package run

import (
	"context"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// updateKubeadmConfig has the nodes that join from here on find the version that they
// are built for.
func (r *Runner) updateKubeadmConfig(ctx context.Context, s model.UpdateKubeadmConfig) error {
	kubelet, err := bootstrap.KubeletConfiguration()
	if err != nil {
		return err
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return retry(ctx, r.Timing, func(ctx context.Context) error { return api.UpdateKubeadmConfig(ctx, s.Version, kubelet) })
}

func (r *Runner) updateAddon(ctx context.Context, s model.UpdateAddon) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	update := map[string]func(context.Context, string) error{
		model.AddonKubeProxy: api.UpdateKubeProxy,
		model.AddonCoreDNS:   api.UpdateCoreDNS,
	}[s.Name]
	if update == nil {
		return fmt.Errorf("unknown add-on %q", s.Name)
	}
	return retry(ctx, r.Timing, func(ctx context.Context) error { return update(ctx, s.Version) })
}
