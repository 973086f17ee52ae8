package bootstrap

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Setup is what users have done on a node beside its bootstrap.
type Setup struct {
	Files []File // each path once
	// PreBootstrap and PostBootstrap are run by bash as root, one after the other, before
	// anything of the bootstrap and once the node has joined.
	PreBootstrap, PostBootstrap []string
}

// File is a file that cloud-init writes before the bootstrap. Its content may be secret.
type File struct {
	Path        string
	Content     string
	Permissions string // octal
	Owner       string // a user and a group of the image, as user:group
}

// String names the file without what it holds.
func (f File) String() string { return f.Path }

// GoString keeps the content out of %#v.
func (f File) GoString() string { return f.Path }

// String keeps commands, which may hold secrets, out of logs and errors.
func (s Setup) String() string {
	return fmt.Sprintf("%d files, %d and %d commands", len(s.Files), len(s.PreBootstrap), len(s.PostBootstrap))
}

// GoString keeps them out of %#v.
func (s Setup) GoString() string { return s.String() }

// CommandsEndAfter is how long the commands of PreBootstrap have together, and those of
// PostBootstrap, before the one that runs is ended and has failed. It is shorter than what
// waits for them, which is to be told why.
const CommandsEndAfter = 15 * time.Minute

const (
	nodeFilesPath          = "/etc/gantry/node-files"
	preBootstrapDirectory  = "/etc/gantry/pre-bootstrap/"
	postBootstrapDirectory = "/etc/gantry/post-bootstrap/"
)

// setupFiles come after all others: an owner whom the image does not have ends cloud-init's
// writing. The script finds what is missing by the list.
func (n Node) setupFiles() []writeFile {
	var files []writeFile
	for _, step := range []struct {
		directory string
		commands  []string
	}{{preBootstrapDirectory, n.Setup.PreBootstrap}, {postBootstrapDirectory, n.Setup.PostBootstrap}} {
		for i, command := range step.commands {
			files = append(files, writeFile{
				Path:        fmt.Sprintf("%s%03d", step.directory, i+1),
				Permissions: modePrivate,
				Content:     withNewline(command),
			})
		}
	}
	if len(n.Setup.Files) == 0 {
		return files
	}
	var list strings.Builder
	for _, file := range n.Setup.Files {
		list.WriteString(file.Owner + " " + file.Path + "\n")
	}
	files = append(files, writeFile{Path: nodeFilesPath, Permissions: modePublic, Content: list.String()})
	for _, file := range n.Setup.Files {
		files = append(files, writeFile{Path: file.Path, Permissions: file.Permissions, Owner: owner(file), Content: file.Content})
	}
	return files
}

// validateSetup refuses files that would take the place of others, and commands that bash
// would not get as they are.
func (n Node) validateSetup(p *problems) {
	seen := map[string]bool{}
	for _, file := range n.Setup.Files {
		if err := CheckFilePath(file.Path); err != nil || seen[file.Path] {
			p.add("Setup", "the file %q cannot be written: its path is taken, or not one for users", file.Path)
		}
		seen[file.Path] = true
		if !IsText(file.Content) {
			p.add("Setup", "the content of the file %q is not text", file.Path)
		}
	}
	n.Registry.checkOwn(n.Setup.Files, p)
	for _, command := range slices.Concat(n.Setup.PreBootstrap, n.Setup.PostBootstrap) {
		if strings.TrimSpace(command) == "" || !IsText(command) {
			p.add("Setup", "a command is empty or not text")
		}
	}
}

// IsText reports whether a text can be carried to a node as it is.
func IsText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f
	})
}

// reservedPaths are the files, and where they end in a slash the directories, that belong
// to the bootstrap, to kubeadm or to the kernel, and whose they are.
var reservedPaths = []struct{ path, owner string }{
	{"/etc/gantry/", "Gantry"},
	{"/etc/systemd/system/gantry-", "Gantry"},
	{containerdProxyPath, "Gantry; set the attribute proxy"},
	{"/etc/apt/apt.conf.d/90gantry-proxy", "Gantry; set the attribute proxy"},
	{networkdDropInPath, "Gantry"},
	{"/etc/modules-load.d/90-gantry.conf", "Gantry; use another name in that directory"},
	{"/etc/sysctl.d/90-gantry.conf", "Gantry; use another name in that directory"},
	{"/etc/cloud/cloud.cfg.d/zz-gantry.cfg", "Gantry; use another name in that directory"},
	{"/etc/apt/keyrings/gantry-kubernetes.asc", "Gantry; use another name in that directory"},
	{"/etc/apt/sources.list.d/gantry-kubernetes.list", "Gantry; use another name in that directory"},
	{"/etc/yum.repos.d/gantry-kubernetes.repo", "Gantry; use another name in that directory"},
	{"/var/log/gantry-bootstrap.log", "Gantry"},
	{"/etc/kubernetes/pki/", "kubeadm"},
	{"/etc/kubernetes/manifests/", "kubeadm"},
	{"/etc/kubernetes/tmp/", "kubeadm"},
	{"/etc/kubernetes/gantry-stopped/", "Gantry"},
	{"/etc/kubernetes/admin.conf", "kubeadm"},
	{"/etc/kubernetes/super-admin.conf", "kubeadm"},
	{"/etc/kubernetes/controller-manager.conf", "kubeadm"},
	{"/etc/kubernetes/scheduler.conf", "kubeadm"},
	{"/etc/kubernetes/kubelet.conf", "kubeadm"},
	{"/etc/kubernetes/bootstrap-kubelet.conf", "kubeadm"},
	{"/var/lib/kubelet/", "kubelet; its settings are in the attribute kubelet"},
	{"/var/lib/etcd/", "etcd"},
	{"/var/lib/cloud/", "cloud-init"},
	{"/run/cloud-init/", "cloud-init"},
	{"/proc/", "the kernel"},
	{"/sys/", "the kernel"},
	{"/dev/", "the kernel"},
}

// CheckFilePath returns an error for a path at which users may not have a file written.
func CheckFilePath(file string) error {
	if !path.IsAbs(file) || path.Clean(file) != file || file == "/" || !printable(file) {
		return errors.New("not the absolute path of a file, without . and .. and a slash at its end")
	}
	for _, reserved := range reservedPaths {
		inside := strings.HasSuffix(reserved.path, "/") || strings.HasSuffix(reserved.path, "-")
		if file == strings.TrimSuffix(reserved.path, "/") || file == reserved.path || inside && strings.HasPrefix(file, reserved.path) {
			return fmt.Errorf("it belongs to %s", reserved.owner)
		}
	}
	return nil
}

// owner is who owns a file if that is not root, who owns all others.
func owner(file File) string {
	if file.Owner == "root:root" {
		return ""
	}
	return file.Owner
}
