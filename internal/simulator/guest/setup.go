package guest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
)

// The directories of the commands that the script runs before kubeadm, and once the node
// has joined.
const (
	preBootstrap  = "/etc/gantry/pre-bootstrap"
	postBootstrap = "/etc/gantry/post-bootstrap"
)

// failing is the end of a command that fails. There is no shell here: all others succeed.
var failing = regexp.MustCompile(`(?:^|\n|; )(?:false|exit ([1-9]\d*))\n?$`)

// runCommands is what the script does with the users' commands.
func (g *guest) runCommands(inst *cloudinit.Instance, directory string) error {
	for _, file := range slices.Sorted(maps.Keys(inst.Files)) {
		if path.Dir(file) != directory {
			continue
		}
		g.log("+ command %s of %s", path.Base(file), path.Base(directory))
		if match := failing.FindSubmatch(inst.Files[file].Content); match != nil {
			status := string(match[1])
			if status == "" {
				status = "1"
			}
			return fmt.Errorf("command %s of %s failed with status %s", path.Base(file), path.Base(directory), status)
		}
	}
	return nil
}

// errPostBootstrap is the failure of a command of a node that has joined.
var errPostBootstrap = errors.New("the node stays a member of its cluster")

// postBootstrap runs the commands of a node that has joined.
func (g *guest) postBootstrap(ctx context.Context, inst *cloudinit.Instance) error {
	for file := range inst.Files {
		if path.Dir(file) == postBootstrap {
			g.set(ctx, PhasePost, nil)
			break
		}
	}
	if err := g.runCommands(inst, postBootstrap); err != nil {
		return fmt.Errorf("%w; %w", err, errPostBootstrap)
	}
	return nil
}

// patchName is how kubeadm names patches: target, suffix and type.
var patchName = regexp.MustCompile(
	`^(etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubeletconfiguration|corednsdeployment)` +
		`[^.+]*(\+(strategic|merge|json))?\.(yaml|json)$`)

// patchKubelet changes the configuration of kubelet as kubeadm's patches say.
func patchKubelet(inst *cloudinit.Instance, r *kubeadm.Registration) error {
	if r.Patches == "" {
		return nil
	}
	found := false
	for _, file := range slices.Sorted(maps.Keys(inst.Files)) {
		if path.Dir(file) != path.Clean(r.Patches) {
			continue
		}
		found = true
		name := path.Base(file)
		if !patchName.MatchString(name) {
			return fmt.Errorf("error execution phase kubelet-start: could not parse patch files: unknown file %q", name)
		}
		if !strings.HasPrefix(name, "kubeletconfiguration") {
			continue
		}
		var fields struct {
			MaxPods *int64 `json:"maxPods"`
		}
		if err := yaml.Unmarshal(inst.Files[file].Content, &fields); err != nil {
			return fmt.Errorf("error execution phase kubelet-start: could not apply patch %s: %w", name, err)
		}
		if fields.MaxPods != nil {
			r.MaxPods = *fields.MaxPods
		}
	}
	if !found {
		return fmt.Errorf("error execution phase kubelet-start: could not read the patches directory %q: no such file or directory", r.Patches)
	}
	return nil
}
