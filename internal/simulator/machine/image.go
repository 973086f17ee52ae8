package machine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// Of every Kubernetes version, what the image of a node holds and what runs in
// its containers.
var (
	nodeCommands      = []string{"kubeadm", "kubelet", "kubectl"}
	containerPrograms = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"}
	// In one version or another.
	otherPrograms = []string{"crictl", "etcd", "etcdctl", "coredns", "kube-vip", "flanneld"}
)

// programs are the files of a directory of binaries: name to its versions,
// oldest first, each with its v.
type programs map[string][]string

// A build in progress writes to a longer name.
var programFile = regexp.MustCompile(`^([a-z][a-z0-9-]*)-(v\d+\.\d+\.\d+)$`)

func readPrograms(dir string) (programs, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := programs{}
	for _, entry := range entries {
		if match := programFile.FindStringSubmatch(entry.Name()); match != nil {
			found[match[1]] = append(found[match[1]], match[2])
		}
	}
	for _, versions := range found {
		slices.SortFunc(versions, func(a, b string) int {
			result, _ := version.MustParseSemantic(a).Compare(b)
			return result
		})
	}
	return found, nil
}

// missing names what is needed and not there, as files.
func (p programs) missing() []string {
	var missing []string
	for _, name := range otherPrograms {
		if len(p[name]) == 0 {
			missing = append(missing, name)
		}
	}
	// Not kubeadm's: of some versions there is nothing else, to validate documents.
	versions := p["kubelet"]
	if len(versions) == 0 {
		missing = append(missing, "kubelet")
	}
	for _, v := range versions {
		for _, name := range slices.Concat(nodeCommands, containerPrograms) {
			if !slices.Contains(p[name], v) {
				missing = append(missing, name+"-"+v)
			}
		}
	}
	return missing
}

// image is the part of a VM's disk that its template determines.
type image struct {
	commands map[string]string // name to file
	pause    string
}

// imageOf finds the programs of a Kubernetes version (without its v).
func imageOf(ctx context.Context, dir, kubernetes string) (image, error) {
	if kubernetes == "" {
		return image{}, fmt.Errorf("the Kubernetes version in this VM's image is unknown: its template lacks gantry.kubernetes-version")
	}
	found, err := readPrograms(dir)
	if err != nil {
		return image{}, fmt.Errorf("programs of Kubernetes: %w", err)
	}
	wanted := "v" + strings.TrimPrefix(kubernetes, "v")
	commands := map[string]string{}
	for _, name := range nodeCommands {
		if !slices.Contains(found[name], wanted) {
			return image{}, fmt.Errorf("no image holds Kubernetes %s: %s has no %s-%s, only %s", kubernetes, dir, name, wanted,
				strings.Join(found[name], ", "))
		}
		commands[name] = filepath.Join(dir, name+"-"+wanted)
	}
	if versions := found["crictl"]; len(versions) > 0 {
		commands["crictl"] = filepath.Join(dir, "crictl-"+versions[len(versions)-1])
	}
	pause, err := registry.PauseImage(ctx, dir, kubernetes)
	if err != nil {
		return image{}, err
	}
	return image{commands: commands, pause: pause}, nil
}
