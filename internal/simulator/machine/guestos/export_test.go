package guestos

import (
	"io"
	"time"
)

// What tests of other packages may see of this one.
var (
	SplitWords      = splitWords
	KubeletFlags    = kubeletFlags
	LeaseClient     = leaseClient
	ReadEnvironment = readEnvironment
	SystemAccounts  = systemAccounts
	Locked          = locked
	KubeadmFlags    = kubeadmFlags
	ConfigPath      = configPath
	WithConfig      = withConfig
	WithKubeProxy   = withKubeProxy
	NewLogFile      = newLogFile
	EnableUnit      = enable
	DisableUnit     = disable
	Enablement      = enablement
	Wanted          = wanted
	LoadUnit        = loadUnit
	NewUnit         = newUnit
	NewBackdoor     = newBackdoor
	CopiedFromHost  = copied
)

// KubeletUnits are the unit of kubelet and its drop-in.
func KubeletUnits(d Distribution) (unit, kubeadm string) {
	programs := programDirectory(d)
	return kubeletUnit(programs), kubeletDropIn(programs)
}

const LogLimit = logLimit

func (u *unit) Read(text string) error { return u.read(text) }

func (u *unit) Restarts(clean bool) bool { return u.restarts(clean) }

func (u *unit) CommandLine(environment []string) ([]string, error) {
	c, err := u.expand(u.Start[0], environment)
	return c.arguments, err
}

func (u *unit) FullEnvironment(root string, base []string) ([]string, error) {
	return u.environment(root, base)
}

func (l *logFile) Add(line string) { l.add(line) }

func (l *logFile) Last() []string { return l.last() }

func PlanNetwork(document []byte, mac string) (commands []string, resolver string, err error) {
	plan, err := planNetwork(document, mac)
	return plan.commands(), plan.resolver(), err
}

func Dmidecode(id string, arguments []string, stdout, stderr io.Writer) int {
	return firmware{id}.dmidecode(arguments, stdout, stderr)
}

func (b *backdoor) RPCTool(arguments []string, stdout, stderr io.Writer) int {
	return b.rpctool(arguments, stdout, stderr)
}

func Seconds(value string) (time.Duration, error) { return seconds(value) }
