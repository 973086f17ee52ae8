package vsphere

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// fleet is what the VMs of an inventory amount to, whichever cluster is
// surveyed. It is computed once for each read of the inventory, however many
// clusters share it, and never changed.
type fleet struct {
	marked    []marked // VMs that Gantry created, by path
	byCluster map[uuid.UUID][]marked
	held      []model.Holding
	// unreadable are VMs of which vCenter returns no configuration: those that are being
	// created, and those whose files cannot be reached. They may carry a marker.
	unreadable []model.UnreadableVM
	// denied is a VM that is listed but may not be read; nil where there is none.
	denied *node

	// reported maps each address to the path of the first VM that reports it.
	reported map[netip.Addr]string
	// nics are the network cards of all VMs, by MAC address.
	nics map[string][]model.NIC
	// contested are the VMs of those addresses that several report, by path.
	contested map[netip.Addr][]*node
}

// marked is a VM with its marker.
type marked struct {
	*node
	marker    marker
	addresses []netip.Addr // as in fleet.reported
}

// newFleet derives a fleet from VMs that are sorted by path.
func newFleet(vms []*node) *fleet {
	f := &fleet{
		byCluster: map[uuid.UUID][]marked{},
		reported:  make(map[netip.Addr]string, len(vms)),
		contested: map[netip.Addr][]*node{},
		nics:      make(map[string][]model.NIC, len(vms)),
	}
	first := make(map[netip.Addr]*node, len(vms))
	for _, n := range vms {
		if f.denied == nil && n.denied() != nil {
			f.denied = n
		}
		if unreadable(n) {
			f.unreadable = append(f.unreadable, model.UnreadableVM{Ref: n.ref.String(), Name: n.name, Path: n.path, Folder: folderOf(n)})
		}
		f.addNICs(n.properties)
		addresses := addressesOf(n.properties)
		delete(n.values, "guest.net") // the largest part of the tree, and not needed any more
		m, ok := markerOf(n.properties)
		if ok {
			addresses = withAddress(addresses, m.Address.Addr())
			f.marked = append(f.marked, marked{node: n, marker: m, addresses: addresses})
		}
		for _, addr := range addresses {
			f.report(addr, n, first)
		}
	}
	f.marked = withoutCopies(f.marked)
	counted := map[model.Holding]bool{} // the VIP is in the marker of every control-plane VM
	for _, m := range f.marked {
		f.byCluster[m.marker.Cluster] = append(f.byCluster[m.marker.Cluster], m)
		for _, held := range m.marker.holdings() {
			if !counted[held] {
				counted[held] = true
				f.held = append(f.held, held)
			}
		}
	}
	return f
}

// unreadable reports whether vCenter returns no configuration of a VM now.
func unreadable(n *node) bool {
	_, configured := n.values["config.template"]
	return !configured && instanceUUID(n.properties) == ""
}

func (f *fleet) report(addr netip.Addr, n *node, first map[netip.Addr]*node) {
	other, taken := first[addr]
	if !taken {
		first[addr] = n
		f.reported[addr] = n.path
		return
	}
	if f.contested[addr] == nil {
		f.contested[addr] = []*node{other}
	}
	f.contested[addr] = append(f.contested[addr], n)
}

// withoutCopies removes the VMs that are copies of one in the list, as a backup
// product makes them: they are not Gantry's. A copy without its original is the
// machine, since vCenter gives a restored VM a new instance UUID; of a VM in which an image was
// built it is nothing, as that has become a template.
func withoutCopies(all []marked) []marked {
	originals := map[string]bool{}
	for _, m := range all {
		if m.marker.Instance == instanceUUID(m.properties) {
			originals[m.marker.Instance] = true
		}
	}
	return slices.DeleteFunc(all, func(m marked) bool {
		return m.marker.copied(m.properties) && (originals[m.marker.Instance] || m.marker.Builder())
	})
}

// reportedTo returns which VM has which address, for a cluster with these
// machines. Where several VMs have one, it is a VM that is not the cluster's own:
// that is the conflict. The map is shared and must not be changed.
func (f *fleet) reportedTo(own []marked) map[netip.Addr]string {
	if len(f.contested) == 0 {
		return f.reported
	}
	mine := make(map[*node]bool, len(own))
	for _, m := range own {
		mine[m.node] = true
	}
	var view map[netip.Addr]string
	for _, m := range own {
		for _, addr := range m.addresses {
			vms := f.contested[addr]
			other := slices.IndexFunc(vms, func(n *node) bool { return !mine[n] })
			if other < 1 {
				continue // not contested, or the first one is the other VM anyway
			}
			if view == nil {
				view = maps.Clone(f.reported)
			}
			view[addr] = vms[other].path
		}
	}
	if view == nil {
		return f.reported
	}
	return view
}

func instanceUUID(p properties) string { return value[string](p, "config.instanceUuid") }

// addressesOf returns the addresses of a VM on its networks: those that the guest
// reports on the VM's own network cards, without loopback and link-local ones. What
// containers brought (docker0, cni0, kube-ipvs0, veth) has no card behind it and means
// nothing outside of the guest. The one address that vCenter shows may be of those,
// too, and counts only where the guest lists no interfaces.
func addressesOf(p properties) []netip.Addr {
	var list []netip.Addr
	nics := value[types.ArrayOfGuestNicInfo](p, "guest.net").GuestNicInfo
	if len(nics) == 0 {
		return withReported(list, value[string](p, "guest.ipAddress"))
	}
	for _, nic := range nics {
		if nic.DeviceConfigId < 0 {
			continue
		}
		for _, text := range nic.IpAddress {
			list = withReported(list, text)
		}
	}
	return list
}

func withReported(list []netip.Addr, text string) []netip.Addr {
	if text == "" {
		return list
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return list
	}
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() {
		return list
	}
	return withAddress(list, addr)
}

func withAddress(list []netip.Addr, addr netip.Addr) []netip.Addr {
	if !addr.IsValid() || slices.Contains(list, addr) {
		return list
	}
	return append(list, addr)
}
