package guest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

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

// failing is the end of a command that fails, testing that of one that fails as long as there
// is no file, hanging that of one that never ends, and once that of one that fails the first
// time on each machine. There is no shell here: all others succeed.
var (
	failing = regexp.MustCompile(`(?:^|\n|; )(?:false|exit ([1-9]\d*))\n?$`)
	testing = regexp.MustCompile(`(?:^|\n|; )test -e (/\S+)\n?$`)
	once    = regexp.MustCompile(`(?:^|\n|; )test -e (/\S+) \|\| \{ touch /\S+; false; \}\n?$`)
	hanging = regexp.MustCompile(`(?:^|\n|; )sleep infinity\n?$`)
)

// runCommands is what the script does with the users' commands: none that has run is run again.
func (g *guest) runCommands(ctx context.Context, inst *cloudinit.Instance, directory string) error {
	limit := g.world.options.CommandLimit
	end := time.Now().Add(limit)
	for _, file := range slices.Sorted(maps.Keys(inst.Files)) {
		if path.Dir(file) != directory || g.hasRun(file) {
			continue
		}
		g.log("+ command %s of %s", path.Base(file), path.Base(directory))
		if hanging.Match(inst.Files[file].Content) {
			if !sleep(ctx, time.Until(end)) {
				return errOff
			}
			return fmt.Errorf("command %s of %s was ended: the commands of %[2]s have %g seconds together",
				path.Base(file), path.Base(directory), limit.Seconds())
		}
		if status := g.exitStatus(inst.Files[file].Content); status != "0" {
			return fmt.Errorf("command %s of %s failed with status %s", path.Base(file), path.Base(directory), status)
		}
		g.noteRun(file)
	}
	return nil
}

// exitStatus is what a command ends with.
func (g *guest) exitStatus(command []byte) string {
	if match := failing.FindSubmatch(command); match != nil {
		return cmp.Or(string(match[1]), "1")
	}
	if match := once.FindSubmatch(command); match != nil && !g.isMade(string(match[1])) {
		g.world.MakeFile(g.vm.ID, string(match[1]))
		return "1"
	}
	if match := testing.FindSubmatch(command); match != nil && !g.isMade(string(match[1])) {
		return "1"
	}
	return "0"
}

func (g *guest) hasRun(file string) bool {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	return g.disk.ran[file]
}

func (g *guest) noteRun(file string) {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	if g.disk.ran == nil {
		g.disk.ran = map[string]bool{}
	}
	g.disk.ran[file] = true
}

func (g *guest) isMade(file string) bool {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	return g.disk.made[file]
}

// MakeFile is a person's: it makes a file in a guest.
func (w *World) MakeFile(id, file string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.guests[id]; g != nil {
		if g.disk.made == nil {
			g.disk.made = map[string]bool{}
		}
		g.disk.made[file] = true
	}
}

// errPostBootstrap is the failure of a command of a node that has joined.
var errPostBootstrap = errors.New("the node stays a member of its cluster")

// postBootstrap runs the commands of a node that has joined.
func (g *guest) postBootstrap(ctx context.Context, inst *cloudinit.Instance) error {
	for file := range inst.Files {
		if path.Dir(file) == postBootstrap && !g.hasRun(file) {
			g.set(ctx, PhasePost, nil)
			break
		}
	}
	if err := g.runCommands(ctx, inst, postBootstrap); err != nil {
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
