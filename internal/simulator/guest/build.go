package guest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
)

const (
	buildVerb     = "build"
	buildScript   = "/etc/gantry/build.sh"
	buildCommands = "/etc/gantry/build"
	cleanService  = "gantry-clean.service"
)

// checkCleanUnit wants what comes after the scripts to wait for cloud-init, which writes until
// its last stage has ended.
func checkCleanUnit(inst *cloudinit.Instance) error {
	settings, err := unitSettings(inst, cleanService)
	if err != nil {
		return err
	}
	if err := needs(cleanService, settings, map[string]string{"After": "cloud-final.service"}); err != nil {
		return err
	}
	if settings["Type"] != "oneshot" || settings["ExecStart"] != bootstrapScript+" clean" {
		return fmt.Errorf("%s does not clean the machine", cleanService)
	}
	return nil
}

// build is the script on a machine of which an image is made: it runs the users' scripts,
// cleans the machine, and powers it off.
func (g *guest) build(ctx context.Context, inst *cloudinit.Instance) error {
	for _, file := range []string{buildScript} {
		if !inst.Has(file) {
			return fmt.Errorf("%s: No such file or directory", file)
		}
	}
	for file := range inst.Files {
		if strings.HasPrefix(file, "/etc/kubernetes/pki/") || path.Base(file) == "kubeadm.yaml" {
			return fmt.Errorf("%s would be in every clone of the image", file)
		}
	}
	g.set(ctx, PhaseBuilding, nil)
	if err := g.install(inst); err != nil {
		return err
	}
	if err := g.runCommands(ctx, inst, buildCommands); err != nil {
		return err
	}
	g.set(ctx, PhaseCleaning, nil)
	if g.vm.PowerOff == nil {
		return errors.New("systemctl poweroff: not understood here")
	}
	g.world.mu.Lock()
	g.disk.instance, g.disk.unit = nil, nil // a machine of the cleaned disk begins anew
	g.world.mu.Unlock()
	g.set(ctx, PhaseBuilt, nil)
	if !sleep(ctx, g.world.options.BuiltDelay) {
		return errOff
	}
	g.vm.PowerOff()
	return nil
}
