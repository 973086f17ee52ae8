package run

import (
	"context"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// updateKubeadmConfig has the nodes that join from here on find the version and the
// settings that they are built for.
func (r *Runner) updateKubeadmConfig(ctx context.Context, s model.UpdateKubeadmConfig) error {
	config := model.KubeadmConfig{
		Version:         s.Version,
		Settings:        r.Spec.ConfigIdentity(),
		ImageRepository: r.Spec.Registry.Repository,
		DropsRepository: s.DropsRepository,
	}
	var err error
	if config.Kubelet, err = bootstrap.KubeletConfiguration(); err != nil {
		return err
	}
	if config.Components, err = r.Spec.Settings.ControlPlaneConfiguration(r.Spec.ControlPlane.Setup.Files); err != nil {
		return err
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return retry(ctx, r.Timing, func(ctx context.Context) error { return api.UpdateKubeadmConfig(ctx, config) })
}

func (r *Runner) updateAddon(ctx context.Context, s model.UpdateAddon) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	update := map[string]func(context.Context, model.AddonImage) error{
		model.AddonKubeProxy: api.UpdateKubeProxy,
		model.AddonCoreDNS:   api.UpdateCoreDNS,
	}[s.Name]
	if update == nil {
		return fmt.Errorf("unknown add-on %q", s.Name)
	}
	return retry(ctx, r.Timing, func(ctx context.Context) error { return update(ctx, s.AddonImage) })
}
