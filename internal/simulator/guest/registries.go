package guest

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
)

const certsDirectory = "/etc/containerd/certs.d"

// hostFile is a hosts.toml as containerd reads it (core/remotes/docker/config/hosts.go of its
// repository; in 1.x remotes/docker/config).
type hostFile struct {
	hostConfig
	Server string                `toml:"server"`
	Hosts  map[string]hostConfig `toml:"host"`
}

type hostConfig struct {
	Capabilities []string       `toml:"capabilities"`
	CA           any            `toml:"ca"`
	Client       any            `toml:"client"`
	SkipVerify   *bool          `toml:"skip_verify"`
	Header       map[string]any `toml:"header"`
	OverridePath bool           `toml:"override_path"`
	DialTimeout  string         `toml:"dial_timeout"`
}

// checkRegistries reads what containerd reads of the registries that a node is to ask, as its
// version 1.6 does, which takes the least. A file that cannot be read is none to containerd: it
// would ask the registry itself.
func checkRegistries(inst *cloudinit.Instance) error {
	for _, file := range slices.Sorted(maps.Keys(inst.Files)) {
		if !strings.HasPrefix(file, certsDirectory+"/") || path.Base(file) != "hosts.toml" {
			continue
		}
		if err := checkHostsFile(inst, file); err != nil {
			return fmt.Errorf("containerd: failed to decode hosts.toml: %s: %w", file, err)
		}
		directory := strings.TrimSpace(string(inst.Files["/etc/gantry/mirrored"].Content))
		if _, script := inst.Files["/etc/gantry/registry.sh"]; directory != certsDirectory || !script {
			return fmt.Errorf("containerd: config_path is empty: nothing reads %s", file)
		}
	}
	_, err := loginTables(inst)
	return err
}

func checkHostsFile(inst *cloudinit.Instance, file string) error {
	var read hostFile
	meta, err := toml.NewDecoder(bytes.NewReader(inst.Files[file].Content)).Decode(&read)
	if err != nil {
		return err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("containerd ignores the key %s", unknown[0])
	}
	if len(read.Hosts) == 0 {
		return errors.New("invalid `host` tree")
	}
	all := map[string]hostConfig{"": read.hostConfig}
	maps.Copy(all, read.Hosts)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		config := all[name]
		address := name
		if name == "" {
			address = read.Server
		}
		if address == "" {
			continue // the registry itself
		}
		if err := config.check(inst, path.Dir(file), address); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		if len(config.Header) > 0 && inst.Files[file].Mode&0o077 != 0 {
			return fmt.Errorf("mode %#o: a password in it can be read by every user of the machine", inst.Files[file].Mode)
		}
	}
	return nil
}

func (c hostConfig) check(inst *cloudinit.Instance, directory, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("unable to parse server %v", address)
	}
	if u.User != nil {
		return errors.New("containerd drops the user of a URL")
	}
	for _, capability := range c.Capabilities {
		if !slices.Contains([]string{"pull", "resolve", "push"}, strings.ToLower(capability)) {
			return fmt.Errorf("unknown capability %v", capability)
		}
	}
	requests := path.Clean("/" + u.Path)
	if !strings.HasSuffix(requests, "/v2") && !c.OverridePath {
		requests = path.Join(requests, "v2")
	}
	if strings.Count(requests+"/", "/v2/") != 1 {
		return fmt.Errorf("its API is asked for at %s", requests)
	}
	if c.CA == nil {
		return nil
	}
	if u.Scheme == "http" {
		return errors.New("a CA of a registry without TLS: containerd speaks TLS to it first")
	}
	ca, ok := c.CA.(string)
	if !ok {
		return fmt.Errorf("invalid type %v for \"ca\"", c.CA)
	}
	if !path.IsAbs(ca) {
		ca = path.Join(directory, ca)
	}
	bundle, ok := inst.Files[ca]
	if !ok {
		return fmt.Errorf("unable to read CA cert %q", ca)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(bundle.Content) {
		return fmt.Errorf("unable to load CA cert %q", ca)
	}
	return nil
}
