package bootstrap

import (
	_ "embed"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// script does the node's part of the bootstrap. It is the same for every node:
// what differs is in the files beside it, so no value ever needs shell quoting.
//
//go:embed bootstrap.sh
var script string

//go:embed machine.sh
var machineScript string

//go:embed kubeadm.sh
var kubeadmScript string

// leaveEtcd takes a node whose join is undone out of etcd, in Python, as fetchSnapshot is.
//
//go:embed leave-etcd.py
var leaveEtcd string

const (
	scriptPath        = "/etc/gantry/bootstrap.sh"
	machineScriptPath = "/etc/gantry/machine.sh"
	kubeadmScriptPath = "/etc/gantry/kubeadm.sh"
	kubeadmPath       = "/etc/gantry/kubeadm.yaml"
	versionPath       = "/etc/gantry/kubernetes-version"
	leaveEtcdPath     = "/etc/gantry/leave-etcd.py"
	unitPath          = unitDirectory + unitName
	unitDirectory     = "/etc/systemd/system/"
	unitName          = "gantry-bootstrap.service"
	forgetUnitPath    = "/etc/systemd/system/gantry-forget.service"
	pkiDirectory      = "/etc/kubernetes/pki/"
	cloudConfigHead   = "#cloud-config\n"

	modePrivate    = "0600"
	modePublic     = "0644"
	modeExecutable = "0755"
)

type cloudConfig struct {
	SSHAuthorizedKeys []string    `json:"ssh_authorized_keys,omitempty"`
	NTP               *ntp        `json:"ntp,omitempty"`
	ManageEtcHosts    string      `json:"manage_etc_hosts"`
	WriteFiles        []writeFile `json:"write_files"`
	RunCmd            [][]string  `json:"runcmd"`
}

type ntp struct {
	Enabled bool     `json:"enabled"`
	Servers []string `json:"servers"`
}

type writeFile struct {
	Path        string `json:"path"`
	Permissions string `json:"permissions"`
	Owner       string `json:"owner,omitempty"`
	Content     string `json:"content"`
}

// Userdata renders the node's cloud-init user data. It holds secrets: the
// authorities' private keys, or a token and the certificate key.
func Userdata(n Node) ([]byte, error) {
	if err := n.validate(); err != nil {
		return nil, err
	}
	return n.render()
}

// render renders the user data of a node that is valid.
func (n Node) render() ([]byte, error) {
	files, err := n.files()
	if err != nil {
		return nil, err
	}
	return cloudConfigOf(n, files, n.commands())
}

// cloudConfigOf renders the user data of a machine with its files and commands.
func cloudConfigOf(n Node, files []writeFile, commands [][]string) ([]byte, error) {
	config := cloudConfig{
		SSHAuthorizedKeys: n.SSHAuthorizedKeys,
		// The node's own name leads to itself, also where no DNS server knows it.
		ManageEtcHosts: "localhost",
		WriteFiles:     files,
		RunCmd:         commands,
	}
	if len(n.NTPServers) > 0 {
		config.NTP = &ntp{Enabled: true, Servers: n.NTPServers}
	}
	data, err := yaml.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("user data of node %s: %w", n.Name, err)
	}
	return append([]byte(cloudConfigHead), data...), nil
}

// commands are run once in the node's life. Units are enabled before the first is started:
// what the power is lost over only a unit can resume.
func (n Node) commands() [][]string {
	commands := [][]string{
		{"systemctl", "daemon-reload"},
		{"systemctl", "enable", unitName},
	}
	if n.Role.controlsPlane() {
		commands = append(commands,
			[]string{"systemctl", "enable", certificatesUnitName},
			[]string{"systemctl", "enable", certificatesTimerName},
			[]string{"systemctl", "start", certificatesTimerName},
		)
	}
	if n.DHCP {
		commands = append(commands, []string{"systemctl", "enable", leaseTimerName}, []string{"systemctl", "start", leaseTimerName})
	}
	return append(commands, []string{"systemctl", "start", unitName})
}

// scripts are those of every machine.
func scripts() []writeFile {
	return []writeFile{
		{Path: scriptPath, Permissions: modeExecutable, Content: withoutComments(script)},
		{Path: machineScriptPath, Permissions: modePublic, Content: withoutComments(machineScript)},
	}
}

// files returns those that cloud-init writes before anything of Kubernetes runs.
func (n Node) files() ([]writeFile, error) {
	kubeadm, err := n.kubeadm()
	if err != nil {
		return nil, err
	}
	files := append(scripts(),
		writeFile{Path: kubeadmScriptPath, Permissions: modePublic, Content: withoutComments(kubeadmScript)},
		writeFile{Path: unitPath, Permissions: modePublic, Content: n.unit()},
		writeFile{Path: forgetUnitPath, Permissions: modePublic, Content: forgetUnit},
		writeFile{Path: networkdDropInPath, Permissions: modePublic, Content: n.networkdDropIn()},
		writeFile{Path: kubeadmPath, Permissions: modePrivate, Content: string(kubeadm)},
		writeFile{Path: versionPath, Permissions: modePublic, Content: n.release() + "\n"},
	)
	files = append(files, n.hardeningFiles()...)
	settings, err := n.settingsFiles()
	if err != nil {
		return nil, err
	}
	files = append(files, settings...)
	if n.Role.controlsPlane() && !n.Endpoint.LoadBalancer {
		manifest, err := n.kubeVIP()
		if err != nil {
			return nil, err
		}
		files = append(files,
			writeFile{Path: kubeVIPManifest, Permissions: modePrivate, Content: string(manifest)},
			writeFile{Path: kubeVIPHosts, Permissions: modePublic, Content: n.kubeVIPHostsFile()},
		)
	}
	if n.Role.controlsPlane() {
		files = append(files, n.certificateFiles()...)
	}
	if n.Role == ControlPlane {
		files = append(files, writeFile{Path: leaveEtcdPath, Permissions: modePublic, Content: leaveEtcd})
	}
	if n.Role == FirstControlPlane {
		files = append(files, n.authorityFiles()...)
		files = append(files, n.restoreFiles()...)
	}
	files = append(files, n.proxyFiles()...)
	files = append(files, n.Registry.files(n.KubernetesVersion)...)
	if n.DHCP {
		files = withLease(n, append(files, n.leaseFiles()...))
	}
	return append(files, n.setupFiles()...), nil
}

// unit runs the script at every boot: it resumes what the loss of power interrupted,
// and reports that a node has joined to a vCenter that knows nothing any more. It has
// no condition, since the script knows best how far it came, and no bound, since it
// has its own.
func (n Node) unit() string {
	verb := "join"
	if n.Role == FirstControlPlane {
		verb = "init"
	}
	return `[Unit]
Description=Makes this machine a node of its Kubernetes cluster
Wants=network-online.target
After=network-online.target containerd.service

[Service]
Type=oneshot
ExecStart=` + scriptPath + ` ` + verb + `
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
`
}

// forgetUnit removes from the machine what made it a node. The script starts it without
// waiting: at the first boot cloud-init's last stage waits for the script, and at a later
// one it may come only after it.
const forgetUnit = `[Unit]
Description=Removes what made this machine a node
After=cloud-final.service

[Service]
Type=oneshot
ExecStart=` + scriptPath + ` forget
`

func (n Node) authorityFiles() []writeFile {
	var files []writeFile
	add := func(name, mode string, content []byte) {
		files = append(files, writeFile{Path: pkiDirectory + name, Permissions: mode, Content: withNewline(string(content))})
	}
	add("ca.crt", modePublic, n.Authorities.CA.Cert)
	add("ca.key", modePrivate, n.Authorities.CA.Key)
	add("front-proxy-ca.crt", modePublic, n.Authorities.FrontProxy.Cert)
	add("front-proxy-ca.key", modePrivate, n.Authorities.FrontProxy.Key)
	add("etcd/ca.crt", modePublic, n.Authorities.Etcd.Cert)
	add("etcd/ca.key", modePrivate, n.Authorities.Etcd.Key)
	add("sa.pub", modePublic, n.Authorities.ServiceAccount.Cert)
	add("sa.key", modePrivate, n.Authorities.ServiceAccount.Key)
	return files
}

// withoutComments leaves out the lines of a script that are comments: they are for readers of
// the source, and the room is the users'.
func withoutComments(script string) string {
	first, rest, _ := strings.Cut(script, "\n")
	out := first + "\n"
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(strings.TrimLeft(line, "\t "), "#") {
			out += line
		}
	}
	return out
}

func withNewline(text string) string { return strings.TrimRight(text, "\n") + "\n" }
