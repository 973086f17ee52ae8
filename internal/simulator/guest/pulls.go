package guest

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	corev1 "k8s.io/api/core/v1"

	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
)

// Registry is an image registry that lets one user in, and answers everyone else with 401.
type Registry struct {
	Username, Password string
	// Tokens has it take tokens alone, which it hands out for a user and a password.
	Tokens bool
}

// SetRegistry has a registry, by the host of its URLs, let one user in from now on. Registries of
// which nothing is said let everyone in, and have every image.
func (w *World) SetRegistry(host string, r Registry) {
	w.pulling.Lock()
	if w.registries == nil {
		w.registries = map[string]Registry{}
	}
	w.registries[host] = r
	w.pulling.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.clusters {
		c.wake() // kubelets try again
	}
}

// login is what containerd sends to a registry.
type login struct {
	header             string
	username, password string // for tokens, and for Basic authentication
}

func (r Registry) admits(l login) bool {
	if r.Username == "" || l.username == r.Username && l.password == r.Password {
		return true
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(r.Username+":"+r.Password))
	return !r.Tokens && l.header == basic
}

// pull has containerd pull what the machine does not have yet.
func (g *guest) pull(inst *cloudinit.Instance, images ...string) error {
	for _, image := range images {
		if err := g.pullOne(inst, image); err != nil {
			return fmt.Errorf("failed to pull and unpack image %q: failed to resolve reference %q: %w", image, image, err)
		}
	}
	return nil
}

func (g *guest) pullOne(inst *cloudinit.Instance, image string) error {
	w := g.world
	w.pulling.Lock()
	defer w.pulling.Unlock()
	if g.images[image] {
		return nil
	}
	host, name, found := strings.Cut(image, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, name = "docker.io", image
	}
	hosts, err := asked(inst, host)
	if err != nil {
		return err
	}
	tables, err := loginTables(inst)
	if err != nil {
		return err
	}
	var refused error
	for _, at := range slices.Sorted(maps.Keys(hosts)) {
		u, err := url.Parse(at)
		if err != nil {
			return err
		}
		l := tables[u.Host]
		l.header, _ = hosts[at].Header["Authorization"].(string)
		if r, private := w.registries[u.Host]; !private || r.admits(l) {
			if g.images == nil {
				g.images = map[string]bool{}
			}
			g.images[image] = true
			return nil
		}
		refused = cmp.Or(refused, fmt.Errorf("unexpected status from HEAD request to %s/%s: 401 Unauthorized", at, name))
	}
	return refused
}

// asked are the URLs that containerd asks for the images of a host: those of the first directory
// that there is for it.
func asked(inst *cloudinit.Instance, host string) (map[string]hostConfig, error) {
	named := host
	if i := strings.LastIndex(host, ":"); i > 0 {
		named = host[:i] + "_" + host[i+1:] + "_"
	}
	itself := host
	if host == "docker.io" {
		itself = "registry-1.docker.io"
	}
	for _, directory := range []string{named, host, "_default"} {
		file, ok := inst.Files[path.Join(certsDirectory, directory, "hosts.toml")]
		if !ok {
			continue
		}
		var read hostFile
		if err := toml.Unmarshal(file.Content, &read); err != nil {
			return nil, err
		}
		hosts := read.Hosts
		if hosts == nil {
			hosts = map[string]hostConfig{}
		}
		if _, ok := hosts[read.Server]; !ok {
			hosts[cmp.Or(read.Server, "https://"+itself)] = read.hostConfig
		}
		return hosts, nil
	}
	return map[string]hostConfig{"https://" + itself: {}}, nil
}

const loginFile = "/etc/gantry/registry-auth"

// loginTables are those that the script adds to containerd's configuration, by the host that they
// are for.
func loginTables(inst *cloudinit.Instance) (map[string]login, error) {
	file, ok := inst.Files[loginFile]
	if !ok {
		return nil, nil
	}
	if file.Mode&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode %#o: a password in it can be read by every user of the machine", loginFile, file.Mode)
	}
	var read struct {
		Plugins map[string]struct {
			Registry struct {
				Configs map[string]struct {
					Auth struct{ Username, Password string }
				}
			}
		}
	}
	meta, err := toml.Decode(string(file.Content), &read)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", loginFile, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 || len(read.Plugins) != 1 {
		return nil, fmt.Errorf("%s: not the tables of one plugin alone: %v", loginFile, unknown)
	}
	tables := map[string]login{}
	for host, config := range read.Plugins["__PLUGIN__"].Registry.Configs {
		tables[host] = login{username: config.Auth.Username, password: config.Auth.Password}
	}
	if len(tables) == 0 {
		return nil, errors.New(loginFile + ": no table that the script gives its plugin")
	}
	return tables, nil
}

// controlPlaneImages are what kubeadm pulls on a node of the control plane, and the script with it.
func controlPlaneImages(static []*corev1.Pod, version kubeadm.Version, repository string) []string {
	var all []string
	for _, pod := range static {
		for _, c := range pod.Spec.Containers {
			all = append(all, c.Image)
		}
	}
	where := cmp.Or(repository, defaultRepository)
	pause := kubeversion.Version{Major: 1, Minor: version.Minor}.Pause()
	return append(all, where+"/kube-proxy:v"+version.String(), where+"/pause:"+pause)
}

// sandbox is the image in which containerd runs each pod.
func sandbox(inst *cloudinit.Instance) string {
	if file, ok := inst.Files["/etc/gantry/sandbox-image"]; ok {
		return strings.TrimSpace(string(file.Content))
	}
	return "registry.k8s.io/pause:3.10"
}

// puller pulls what a pod of the machine runs in. World.mu is held.
func (g *guest) puller() func(image string) error {
	inst := g.disk.instance
	return func(image string) error { return g.pull(inst, sandbox(inst), image) }
}
