package hardening

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Evidence is what was found on a node. What is nil was not looked at.
type Evidence struct {
	// ControlPlane is a node of the control plane.
	ControlPlane bool
	// Flags are the command lines of components, by the component's name and the flag's,
	// without dashes.
	Flags map[string]map[string]string
	// Kubelet is its configuration, KubeProxy that of kube-proxy.
	Kubelet, KubeProxy map[string]any
	// Audit is the policy of the API server's audit log.
	Audit map[string]any
	// Files are those that ListFiles has listed, by their paths.
	Files map[string]File
}

// File is a file or directory of a node.
type File struct {
	Mode      fs.FileMode // permissions alone
	Owner     string      // user:group
	Directory bool
}

// The components.
const (
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	etcd              = "etcd"
	kubelet           = "kubelet"
)

// Components are those of the control plane, as their processes are named.
func Components() []string { return []string{apiServer, controllerManager, scheduler, etcd} }

// Kubelet is the component of every node.
const Kubelet = kubelet

func (e Evidence) has(s subject) bool {
	switch s {
	case controlPlaneFiles:
		return e.ControlPlane && e.Files != nil
	case nodeFiles:
		return e.Files != nil
	case controlPlaneFlags:
		return e.ControlPlane && e.Flags[apiServer] != nil
	case kubeletFlags:
		return e.Flags[kubelet] != nil
	case kubeletSettings:
		return e.Kubelet != nil
	case auditPolicy:
		return e.Audit != nil
	case proxySettings:
		return e.KubeProxy != nil
	default:
		return false
	}
}

// ListFiles is a command of a shell that lists on a node what the table is about.
const ListFiles = `list() { find "$@" -printf '%m %u:%g %y %p\n' 2>/dev/null; }
list /etc/kubernetes /etc/cni/net.d /var/lib/cni/networks /var/lib/kubelet/config.yaml
list /var/lib/etcd -maxdepth 0
for directory in /etc/systemd/system /usr/lib/systemd/system; do
	list "$directory/kubelet.service" "$directory/kubelet.service.d"
done
true`

// ParseFiles reads the output of ListFiles.
func ParseFiles(output string) (map[string]File, error) {
	files := map[string]File{}
	for line := range strings.Lines(output) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(fields) != 4 {
			return nil, fmt.Errorf("%q is not mode, owner, type and path", line)
		}
		mode, err := strconv.ParseUint(fields[0], 8, 12)
		if err != nil {
			return nil, err
		}
		if fields[2] == "l" {
			continue // its target has the mode
		}
		files[fields[3]] = File{Mode: fs.FileMode(mode), Owner: fields[1], Directory: fields[2] == "d"}
	}
	return files, nil
}

// ParseFlags reads the arguments of a command. One without a value is true.
func ParseFlags(arguments []string) map[string]string {
	flags := map[string]string{}
	for _, argument := range arguments {
		name, value, found := strings.Cut(strings.TrimLeft(argument, "-"), "=")
		if !strings.HasPrefix(argument, "--") {
			continue
		}
		if !found {
			value = "true"
		}
		flags[name] = value
	}
	return flags
}
