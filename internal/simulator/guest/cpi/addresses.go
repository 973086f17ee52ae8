package cpi

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Machine is what vCenter knows of a VM from its guest tools and its configuration.
type Machine struct {
	ID        string // managed object reference
	UUID      string // of its BIOS, which a provider ID holds
	On        bool
	HostName  string
	Addresses []netip.Addr // in the order in which the guest tools report them
	// Metadata is guestinfo.metadata with its encoding.
	Metadata, Encoding string
}

// NodeAddresses are the addresses that the cloud provider gives a node: of all that the
// guest tools report the first of the family, with those first that the metadata of
// cloud-init has. providedIP is the annotation of a kubelet that was told its address,
// which has to be among them; empty: it was not.
func (vc *VCenter) NodeAddresses(m Machine, providedIP string) ([]corev1.NodeAddress, error) {
	if m.HostName == "" {
		return nil, fmt.Errorf("VM Guest hostname is empty")
	}
	sorted := staticFirst(m)
	ipv6 := vc.IPFamily[0] == "ipv6"
	i := slices.IndexFunc(sorted, func(a netip.Addr) bool { return a.Is4() != ipv6 && !a.IsLinkLocalUnicast() && !a.IsLoopback() })
	if i < 0 {
		return nil, fmt.Errorf("unable to find suitable IP address for node %s with IP family %s", m.UUID, vc.IPFamily[0])
	}
	address := sorted[i].String()
	if providedIP != "" && address != providedIP {
		return nil, fmt.Errorf("provided node ip for node %q is not valid: failed to get node address from cloud provider that matches ip: %s",
			m.HostName, providedIP)
	}
	return []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: address},
		{Type: corev1.NodeExternalIP, Address: address},
		{Type: corev1.NodeHostName, Address: m.HostName},
	}, nil
}

// staticFirst puts the addresses first that cloud-init's metadata has. The cloud provider
// reads it only where it is encoded as base64, and not packed.
func staticFirst(m Machine) []netip.Addr {
	addresses := slices.Clone(m.Addresses)
	if m.Metadata == "" || m.Encoding != "base64" {
		return addresses
	}
	raw, err := base64.StdEncoding.DecodeString(m.Metadata)
	if err != nil {
		return addresses
	}
	var doc struct {
		Network struct {
			Ethernets map[string]struct {
				Addresses []string `json:"addresses"`
			} `json:"ethernets"`
		} `json:"network"`
	}
	if yaml.Unmarshal(raw, &doc) != nil {
		return addresses
	}
	static := map[netip.Addr]bool{}
	for _, ethernet := range doc.Network.Ethernets {
		for _, text := range ethernet.Addresses {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				static[prefix.Addr()] = true
			}
		}
	}
	slices.SortStableFunc(addresses, func(a, b netip.Addr) int {
		switch {
		case static[a] == static[b]:
			return 0
		case static[a]:
			return -1
		}
		return 1
	})
	return addresses
}
