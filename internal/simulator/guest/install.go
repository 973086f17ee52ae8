package guest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
)

const (
	installScript = "/etc/gantry/install-kubernetes.sh"
	installFile   = "/etc/gantry/install-kubernetes"
)

// unpackaged is the host of a package repository that has no packages.
const unpackaged = "packages.invalid"

// install is the part of the script that installs Kubernetes, where it is to.
func (g *guest) install(inst *cloudinit.Instance) error {
	file, ok := inst.Files[installFile]
	if !ok {
		return nil
	}
	for _, script := range []string{installScript, "/etc/gantry/registry.sh"} {
		if !inst.Has(script) {
			return fmt.Errorf("%s: No such file or directory", script)
		}
	}
	version, repository, _ := strings.Cut(strings.TrimSuffix(string(file.Content), "\n"), "\n")
	wanted, err := kubeadm.ParseVersion(version)
	if err != nil {
		return err
	}
	if at, err := url.Parse(repository); err != nil || at.Scheme != "https" || strings.Contains(repository, "\n") {
		return fmt.Errorf("%q is no package repository", repository)
	} else if at.Host == unpackaged {
		return fmt.Errorf("kubernetes %s could not be installed from %s/deb/", wanted, repository)
	}
	if found := g.vm.KubernetesVersion; found != NoKubernetes && found != wanted.String() {
		return fmt.Errorf("the image of which this one is made holds kubeadm v%s, and %s is to be installed", found, wanted)
	}
	if g.vm.Installed == nil {
		return errors.New("nothing can be installed here")
	}
	g.vm.Installed(wanted.String())
	return nil
}
