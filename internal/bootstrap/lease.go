package bootstrap

import (
	_ "embed"
	"net/netip"
	"strings"
)

// leaseScript is the part of the script for a machine that takes a lease.
//
//go:embed lease.sh
var leaseScript string

// What only the lease of a machine says has these words in the documents. Before anything of
// Kubernetes runs the script puts in their place what the machine got, and only in the files
// that are listed for it.
const (
	LeasedAddress = "__GANTRY_LEASED_ADDRESS__"
	LeasedNetwork = "__GANTRY_LEASED_NETWORK__"
)

const (
	leaseScriptPath = "/etc/gantry/lease.sh"
	leasedFilesPath = "/etc/gantry/leased-files"
	machineIDPath   = "/etc/gantry/machine-id"
	macPath         = "/etc/gantry/mac"
	leaseUnitName   = "gantry-lease.service"
	leaseTimerName  = "gantry-lease.timer"
)

// ownAddress is the node's address, or the word in its place.
func (n Node) ownAddress() string {
	if n.DHCP {
		return LeasedAddress
	}
	return n.Address.Addr().String()
}

// FillIn puts what a machine got by its lease in the place of the words for it, as the script
// does.
func FillIn(document string, lease netip.Prefix) string {
	return strings.NewReplacer(LeasedAddress, lease.Addr().String(), LeasedNetwork, lease.Masked().String()).Replace(document)
}

// withLease adds to the files of a machine with a lease what finds that, and the list of those
// that it is filled into.
func withLease(n Node, files []writeFile) []writeFile {
	var leased strings.Builder
	for _, file := range files {
		if strings.Contains(file.Content, LeasedAddress) || strings.Contains(file.Content, LeasedNetwork) {
			leased.WriteString(file.Path + "\n")
		}
	}
	return append(files,
		writeFile{Path: leaseScriptPath, Permissions: modePublic, Content: withoutComments(leaseScript)},
		writeFile{Path: leasedFilesPath, Permissions: modePublic, Content: leased.String()},
		writeFile{Path: machineIDPath, Permissions: modePublic, Content: n.machineID() + "\n"},
		writeFile{Path: macPath, Permissions: modePublic, Content: n.MAC + "\n"},
	)
}

// machineID is an id of the machine's own, for an image that was made with one in it.
func (n Node) machineID() string { return strings.ToLower(strings.ReplaceAll(n.InstanceID, "-", "")) }

// leaseFiles have a node look for a change of its lease while it runs. A load balancer does
// that itself.
func (n Node) leaseFiles() []writeFile {
	if !n.DHCP {
		return nil
	}
	return []writeFile{
		{Path: unitDirectory + leaseUnitName, Permissions: modePublic, Content: leaseUnit},
		{Path: unitDirectory + leaseTimerName, Permissions: modePublic, Content: leaseTimer},
	}
}

// leaseUnit does nothing on a machine that has not begun its bootstrap.
const leaseUnit = `[Unit]
Description=Reports a change of this machine's lease

[Service]
Type=oneshot
ExecStart=` + scriptPath + ` lease
`

const leaseTimer = `[Unit]
Description=Reports a change of this machine's lease every minute

[Timer]
OnBootSec=1min
OnUnitActiveSec=1min

[Install]
WantedBy=timers.target
`
