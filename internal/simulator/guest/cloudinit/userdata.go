package cloudinit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/strictyaml"
)

// File is a file that write_files made.
type File struct {
	Content []byte
	Mode    uint32
}

// Config is the part of a cloud-config that the simulated machine acts upon.
type Config struct {
	Files map[string]File
	// RunCommands are the entries of runcmd; one given as text is wrapped in a
	// shell as cloud-init does.
	RunCommands [][]string
}

// Has reports whether write_files made a file.
func (c Config) Has(path string) bool {
	_, made := c.Files[path]
	return made
}

// cloudConfig has the keys of cloud-init's schema that make sense on a
// Kubernetes node. What it does not have is refused.
type cloudConfig struct {
	WriteFiles        []writeFile       `json:"write_files"`
	RunCommands       []json.RawMessage `json:"runcmd"`
	BootCommands      []json.RawMessage `json:"bootcmd"`
	Users             []json.RawMessage `json:"users"`
	Groups            json.RawMessage   `json:"groups"`
	SSHAuthorizedKeys []string          `json:"ssh_authorized_keys"`
	SSHPasswordAuth   json.RawMessage   `json:"ssh_pwauth"`
	SSHDeleteKeys     bool              `json:"ssh_deletekeys"`
	DisableRoot       bool              `json:"disable_root"`
	Hostname          string            `json:"hostname"`
	FQDN              string            `json:"fqdn"`
	PreserveHostname  bool              `json:"preserve_hostname"`
	ManageEtcHosts    json.RawMessage   `json:"manage_etc_hosts"`
	Timezone          string            `json:"timezone"`
	Locale            json.RawMessage   `json:"locale"`
	Growpart          json.RawMessage   `json:"growpart"`
	ResizeRootfs      json.RawMessage   `json:"resize_rootfs"`
	DiskSetup         json.RawMessage   `json:"disk_setup"`
	FSSetup           json.RawMessage   `json:"fs_setup"`
	Mounts            json.RawMessage   `json:"mounts"`
	Swap              json.RawMessage   `json:"swap"`
	PackageUpdate     bool              `json:"package_update"`
	PackageUpgrade    bool              `json:"package_upgrade"`
	Packages          json.RawMessage   `json:"packages"`
	Output            json.RawMessage   `json:"output"`
	FinalMessage      string            `json:"final_message"`
	PowerState        json.RawMessage   `json:"power_state"`
	RandomSeed        json.RawMessage   `json:"random_seed"`
	NTP               *struct {
		Enabled   *bool           `json:"enabled"`
		Client    string          `json:"ntp_client"`
		Servers   []string        `json:"servers"`
		Pools     []string        `json:"pools"`
		Peers     []string        `json:"peers"`
		Allow     []string        `json:"allow"`
		RawConfig json.RawMessage `json:"config"`
	} `json:"ntp"`
}

type writeFile struct {
	Path        string          `json:"path"`
	Content     string          `json:"content"`
	Encoding    string          `json:"encoding"`
	Permissions json.RawMessage `json:"permissions"`
	Owner       string          `json:"owner"`
	Append      bool            `json:"append"`
	Defer       bool            `json:"defer"`
}

var permissions = regexp.MustCompile(`^0?[0-7]{3,4}$`)

func parseUserdata(raw []byte) (Config, error) {
	if len(raw) == 0 {
		return Config{}, errors.New("empty: nothing to bootstrap")
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	if strings.TrimRight(first, " \r") != "#cloud-config" {
		return Config{}, errors.New("unhandled non-multipart userdata: the first line is not #cloud-config")
	}
	var doc cloudConfig
	if err := strictyaml.Unmarshal(raw, &doc); err != nil {
		return Config{}, fmt.Errorf("cloud-config failed schema validation: %w", err)
	}
	c := Config{Files: map[string]File{}}
	for i, f := range doc.WriteFiles {
		if err := f.write(c.Files); err != nil {
			return c, fmt.Errorf("cloud-config failed schema validation: write_files.%d: %w", i, err)
		}
	}
	var err error
	if c.RunCommands, err = commands(doc.RunCommands); err != nil {
		return c, fmt.Errorf("cloud-config failed schema validation: runcmd.%w", err)
	}
	if _, err = commands(doc.BootCommands); err != nil {
		return c, fmt.Errorf("cloud-config failed schema validation: bootcmd.%w", err)
	}
	for i, user := range doc.Users {
		if user[0] != '"' && user[0] != '{' {
			return c, fmt.Errorf("cloud-config failed schema validation: users.%d: neither a name nor a mapping", i)
		}
	}
	for i, key := range doc.SSHAuthorizedKeys {
		// A real sshd passes over such a line, and its owner cannot log in.
		if _, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(key)); err != nil || len(rest) > 0 || strings.ContainsAny(key, "\r\n") {
			return c, fmt.Errorf("ssh_authorized_keys.%d: not a line that sshd takes as a public key", i)
		}
	}
	return c, nil
}

func (f writeFile) write(files map[string]File) error {
	if !strings.HasPrefix(f.Path, "/") {
		return fmt.Errorf("path %q is not absolute", f.Path)
	}
	file := File{Content: []byte(f.Content), Mode: 0o644}
	if len(f.Permissions) > 0 {
		var text string
		if err := json.Unmarshal(f.Permissions, &text); err != nil {
			// An unquoted 0644 is a number, and by then it may be the wrong one.
			return fmt.Errorf("permissions: %s is not of type 'string'", f.Permissions)
		}
		if !permissions.MatchString(text) {
			return fmt.Errorf("permissions: %q is not octal", text)
		}
		mode, _ := strconv.ParseUint(text, 8, 32) // the pattern allows octal digits only
		file.Mode = uint32(mode)
	}
	if f.Owner != "" && len(strings.Split(f.Owner, ":")) > 2 {
		return fmt.Errorf("owner: %q is not user:group", f.Owner)
	}
	var err error
	if file.Content, err = f.decoded(); err != nil {
		return err
	}
	if f.Append {
		file.Content = append(append([]byte{}, files[f.Path].Content...), file.Content...)
	}
	files[f.Path] = file
	return nil
}

func (f writeFile) decoded() ([]byte, error) {
	content := []byte(f.Content)
	var err error
	switch f.Encoding {
	case "", "text/plain":
		return content, nil
	case "b64", "base64", "gz+b64", "gz+base64", "gzip+b64", "gzip+base64":
		if content, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(f.Content), "")); err != nil {
			return nil, fmt.Errorf("%s: content is not base64: %w", f.Path, err)
		}
	case "gz", "gzip":
	default:
		return nil, fmt.Errorf("encoding: %q is not one of gz, gzip, b64, base64, gz+b64, gz+base64, gzip+b64, gzip+base64, text/plain",
			f.Encoding)
	}
	if strings.HasPrefix(f.Encoding, "gz") {
		return gunzip(f.Path, content)
	}
	return content, nil
}

// commands reads a list whose entries are command lines as text or as lists.
func commands(raw []json.RawMessage) ([][]string, error) {
	var all [][]string
	for i, entry := range raw {
		var line string
		if err := json.Unmarshal(entry, &line); err == nil && string(entry) != "null" {
			all = append(all, []string{"sh", "-c", line})
			continue
		}
		var words []string
		if err := json.Unmarshal(entry, &words); err != nil || len(words) == 0 {
			return nil, fmt.Errorf("%d: neither a string nor a list of strings", i)
		}
		all = append(all, words)
	}
	return all, nil
}
