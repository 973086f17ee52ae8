package vsphere

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// marker is what stands in a VM's configuration: the engine's marker, and what
// tells a machine from a copy that somebody made of it.
type marker struct {
	engine.Marker
	// Instance is the instance UUID that the clone was given. A copy of the
	// machine has the marker too, but another instance UUID.
	Instance string `json:"instance,omitempty"`
	// Disks are the keys of the disks that came with the clone.
	Disks []int32 `json:"disks,omitempty"`
}

func (m marker) encode() (string, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encode the marker of %s: %w", m.Node, err)
	}
	return string(raw), nil
}

// markerOf reads the marker of a VM. A value that is no marker counts as none:
// whoever wrote it, it was not Gantry.
func markerOf(p properties) (marker, bool) {
	var m marker
	raw := p.option(markerKey)
	if raw == "" || json.Unmarshal([]byte(raw), &m) != nil || m.Cluster == "" || m.Node == "" {
		return m, false
	}
	return m, true
}

// marked is a VM with its marker.
type marked struct {
	*node
	marker marker
}

// machines lists the VMs that Gantry made, by path. A copy that stands beside
// its original is somebody else's; one that stands alone is the machine, since
// vCenter gives a restored machine a new instance UUID.
func (inv *inventory) machines() []marked {
	var all []marked
	originals := map[string]bool{}
	for _, n := range inv.all(nil, machineTypes...) {
		m, ok := markerOf(n.properties)
		if !ok {
			continue
		}
		all = append(all, marked{n, m})
		if m.Instance == instanceUUID(n.properties) {
			originals[m.Instance] = true
		}
	}
	return slices.DeleteFunc(all, func(m marked) bool {
		return m.marker.Instance != "" && m.marker.Instance != instanceUUID(m.properties) && originals[m.marker.Instance]
	})
}

// unreadable lists the names of the VMs of which vCenter tells no configuration:
// those that are being made, and those whose files cannot be reached. They may
// carry a marker.
func (inv *inventory) unreadable() []string {
	var names []string
	for _, n := range inv.all(nil, machineTypes...) {
		if _, ok := n.values["config.template"]; !ok && instanceUUID(n.properties) == "" {
			names = append(names, n.name)
		}
	}
	return names
}

func instanceUUID(p properties) string { return value[string](p, "config.instanceUuid") }

// holdings lists the claims that a marker accounts for: the machine's own
// address, and on control-plane nodes VIP and extra, in this order.
func (m marker) holdings() []engine.Holding {
	var list []engine.Holding
	if m.Address.IsValid() {
		list = append(list, engine.Holding{Pool: m.IPPool, Address: m.Address.Addr(), Cluster: m.Cluster, Node: m.Node})
	}
	owners := []string{engine.OwnerVIP, engine.OwnerExtra}
	for i, addr := range m.Reserved {
		if i < len(owners) && addr.IsValid() {
			list = append(list, engine.Holding{Pool: m.IPPool, Address: addr, Cluster: m.Cluster, Node: owners[i]})
		}
	}
	return list
}

// addressesOf lists what the guest reports, without what means nothing outside
// of it: loopback and link-local addresses.
func addressesOf(p properties) []netip.Addr {
	texts := []string{value[string](p, "guest.ipAddress")}
	for _, nic := range value[types.ArrayOfGuestNicInfo](p, "guest.net").GuestNicInfo {
		texts = append(texts, nic.IpAddress...)
	}
	var list []netip.Addr
	for _, text := range texts {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		addr = addr.Unmap().WithZone("")
		if addr.IsGlobalUnicast() && !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list
}
