package bootstrap

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// buildScript is the part of the script for a machine of which an image is made.
//
//go:embed build.sh
var buildScript string

const (
	buildScriptPath = "/etc/gantry/build.sh"
	buildUnitName   = "gantry-build.service"
	cleanUnitName   = "gantry-clean.service"
	buildDirectory  = "/etc/gantry/build/"
)

// The phases that only a machine reports of which an image is made; it fails as nodes do.
const (
	// PhaseCloned is of one that has not booted. It is in its configuration: then what the guest
	// reports outlives its power.
	PhaseCloned   = "cloned"
	PhaseBooting  = "booting" // it waits for its network
	PhaseBuilding = "building"
	PhaseCleaning = "cleaning"
	// PhaseBuilt is of one that has been cleaned and powers off.
	PhaseBuilt = "built"
)

// ScriptsEndAfter is how long the scripts of an image have together, before the one that runs
// is ended and has failed.
const ScriptsEndAfter = 2 * time.Hour

// Builder is everything that the documents of a machine are made of of which an image is made.
type Builder struct {
	// Name is its host name, and InstanceID its virtual machine's instance UUID.
	Name, InstanceID string
	// MAC, DHCP, Address, Gateway, Nameservers and SearchDomains are as those of a node.
	MAC           string
	DHCP          bool
	Address       netip.Prefix
	Gateway       netip.Addr
	Nameservers   []netip.Addr
	SearchDomains []string
	// Proxy is how it reaches package repositories and registries, nil for directly. Nothing
	// of it stays in the image.
	Proxy *Proxy
	// Files are written before anything is installed, and before the first of the scripts, which
	// bash runs as root.
	Files   []File
	Scripts []string
	// Packages are what the image gets before the scripts run; nil: it has its Kubernetes already.
	Packages *Packages
}

// String names the machine without its secrets.
func (b Builder) String() string { return "image builder " + b.Name }

// GoString keeps secrets out of %#v.
func (b Builder) GoString() string { return b.String() }

// CheckBuilder returns the errors of a machine of which an image is made: those that a plan can
// report before anything is created.
func CheckBuilder(b Builder) []*FieldError {
	p := b.problems()
	if len(p) == 0 {
		document, err := b.userdata()
		if err != nil {
			p.add("Setup", "%v", err)
		} else if packed, err := pack(document); err != nil || len(packed) > MaxValueBytes {
			p.add("Setup", "the user data of the machine of which the image is made would have %d bytes with them, compressed and encoded, "+
				"and the guestinfo of a VM carries at most %d; have the scripts fetch what is large", len(packed), MaxValueBytes)
		}
	}
	return p.fields()
}

func (b Builder) problems() problems {
	var p problems
	if !uuidPattern.MatchString(b.InstanceID) {
		p.add("InstanceID", "%q is not a UUID", b.InstanceID)
	}
	n := b.asNode()
	n.validateNetwork(&p)
	// It has no cluster, no pods and no endpoint.
	p = slices.DeleteFunc(p, func(err error) bool {
		var field *FieldError
		return errors.As(err, &field) && (strings.HasPrefix(field.Field, "Endpoint") || field.Field == "PodCIDR" || field.Field == "ServiceCIDR")
	})
	n.validateAccess(&p)
	n.validateSetup(&p)
	if b.Packages != nil {
		if err := b.Packages.Check(); err != nil {
			p.add("Packages", "%v", err)
		}
	}
	return p
}

// asNode is the machine as far as it is one of Gantry's.
func (b Builder) asNode() Node {
	return Node{
		Name: b.Name, InstanceID: b.InstanceID, Role: Worker,
		MAC: b.MAC, DHCP: b.DHCP, Address: b.Address, Gateway: b.Gateway, Nameservers: b.Nameservers, SearchDomains: b.SearchDomains,
		Proxy: b.Proxy, Setup: Setup{Files: b.Files, PreBootstrap: b.Scripts},
	}
}

// BuilderGuestInfo renders the guestinfo keys of a machine of which an image is made.
func BuilderGuestInfo(b Builder) (map[string]string, error) {
	if p := b.problems(); len(p) > 0 {
		return nil, fmt.Errorf("the machine %q cannot be bootstrapped: %w", b.Name, errors.Join(p...))
	}
	n := b.asNode()
	metadata, err := yaml.Marshal(metadata{
		InstanceID:       b.InstanceID,
		LocalHostname:    b.Name,
		CleanupGuestinfo: []string{"userdata"},
		WaitOnNetwork:    waitOnNetwork{IPv4: b.DHCP || b.Address.Addr().Is4(), IPv6: b.Address.Addr().Is6()},
		Network:          n.network(),
	})
	if err != nil {
		return nil, fmt.Errorf("metadata of %s: %w", b.Name, err)
	}
	userdata, err := b.userdata()
	if err != nil {
		return nil, err
	}
	info, err := guestInfo(b.Name, metadata, userdata)
	if err == nil {
		info[PhaseKey] = PhaseCloned
	}
	return info, err
}

func (b Builder) userdata() ([]byte, error) {
	n := b.asNode()
	files := append(scripts(),
		writeFile{Path: buildScriptPath, Permissions: modePublic, Content: withoutComments(buildScript)},
		writeFile{Path: unitDirectory + buildUnitName, Permissions: modePublic, Content: buildUnit},
		writeFile{Path: unitDirectory + cleanUnitName, Permissions: modePublic, Content: cleanUnit},
		writeFile{Path: networkdDropInPath, Permissions: modePublic, Content: n.networkdDropIn()},
	)
	files = append(files, n.proxyFiles()...)
	if b.Packages != nil {
		files = append(files, b.Packages.files()...)
	}
	if b.DHCP {
		files = withLease(n, files)
	}
	for _, file := range n.setupFiles() {
		file.Path = strings.Replace(file.Path, preBootstrapDirectory, buildDirectory, 1)
		files = append(files, file)
	}
	return cloudConfigOf(n, files, [][]string{
		{"systemctl", "daemon-reload"},
		{"systemctl", "enable", buildUnitName},
		{"systemctl", "start", buildUnitName},
	})
}

// buildUnit has no bound, since the script has its own.
const buildUnit = `[Unit]
Description=Makes a node image of this machine
Wants=network-online.target
After=network-online.target containerd.service

[Service]
Type=oneshot
ExecStart=` + scriptPath + ` build
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
`

const cleanUnit = `[Unit]
Description=Removes from a node image what made it a machine
After=cloud-final.service

[Service]
Type=oneshot
ExecStart=` + scriptPath + ` clean
TimeoutStartSec=infinity
`
