package cloudinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/strictyaml"
)

// The only NIC of a guest, as Linux names the first vmxnet3 adapter.
const nicName, nicDriver = "ens192", "vmxnet3"

// interfaceName is what a device may be renamed to.
var interfaceName = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,14}$`)

// Network is what netplan makes of the guest's only NIC.
type Network struct {
	Addresses []netip.Prefix
	DHCP4     bool
	// DHCPByMAC says that the lease is asked for by the card's address, and AcceptsRA that
	// routers may add addresses.
	DHCPByMAC, AcceptsRA bool
	Gateways             []netip.Addr
	// OnLink are the gateways that no address of the NIC is the way to.
	OnLink      []netip.Addr
	Nameservers []netip.Addr
	Search      []string
}

// ParseNetplan reads a document as netplan reads a file of /etc/netplan, and
// refuses what it would refuse or would have no effect on the guest's only NIC, whose
// MAC address is given.
func ParseNetplan(document []byte, mac string) (Network, error) { return parseNetwork(document, mac) }

// netplan is the network configuration, version 2, of a server without radio,
// tunnels or bonds.
type netplan struct {
	Network   *netplan            `json:"network"` // a document may or may not wrap itself
	Version   int                 `json:"version"`
	Renderer  string              `json:"renderer"`
	Ethernets map[string]ethernet `json:"ethernets"`
}

type ethernet struct {
	Match *struct {
		Name       string `json:"name"`
		MACAddress string `json:"macaddress"`
		Driver     string `json:"driver"`
	} `json:"match"`
	SetName        string          `json:"set-name"`
	WakeOnLAN      bool            `json:"wakeonlan"`
	Optional       bool            `json:"optional"`
	Critical       bool            `json:"critical"`
	Renderer       string          `json:"renderer"`
	MTU            int             `json:"mtu"`
	DHCP4          bool            `json:"dhcp4"`
	DHCP6          bool            `json:"dhcp6"`
	DHCPIdentifier string          `json:"dhcp-identifier"`
	DHCP4Overrides json.RawMessage `json:"dhcp4-overrides"`
	DHCP6Overrides json.RawMessage `json:"dhcp6-overrides"`
	AcceptRA       *bool           `json:"accept-ra"`
	IPv6Privacy    bool            `json:"ipv6-privacy"`
	LinkLocal      []string        `json:"link-local"`
	Addresses      []string        `json:"addresses"`
	Gateway4       string          `json:"gateway4"`
	Gateway6       string          `json:"gateway6"`
	Routes         []route         `json:"routes"`
	RoutingPolicy  json.RawMessage `json:"routing-policy"`
	Nameservers    *struct {
		Addresses []string `json:"addresses"`
		Search    []string `json:"search"`
	} `json:"nameservers"`
}

type route struct {
	To     string `json:"to"`
	Via    string `json:"via"`
	From   string `json:"from"`
	Type   string `json:"type"`
	Scope  string `json:"scope"`
	OnLink bool   `json:"on-link"`
	Metric int    `json:"metric"`
	Table  int    `json:"table"`
	MTU    int    `json:"mtu"`
}

func parseNetwork(raw []byte, mac string) (Network, error) {
	var doc netplan
	if err := strictyaml.Unmarshal(raw, &doc); err != nil {
		return Network{}, err
	}
	if doc.Network != nil {
		if doc.Version != 0 || doc.Ethernets != nil || doc.Network.Network != nil {
			return Network{}, errors.New("keys beside the wrapping key network")
		}
		doc = *doc.Network
	}
	if doc.Version != 2 {
		return Network{}, fmt.Errorf("version %d: only version 2 is understood here", doc.Version)
	}
	var nic *ethernet
	for id, e := range doc.Ethernets {
		ok, err := e.matches(id, mac)
		if err != nil {
			return Network{}, fmt.Errorf("%s: %w", id, err)
		}
		if !ok {
			continue
		}
		if nic != nil {
			return Network{}, errors.New("two ethernets match the only NIC")
		}
		nic = &e
	}
	if nic == nil {
		return Network{}, fmt.Errorf("no ethernet matches the only NIC (%s, %s, %s)", nicName, nicDriver, mac)
	}
	return nic.resolve()
}

// matches reports whether the settings are those of the only NIC, on every system:
// netplan alone matches by more than the name and the MAC address.
func (e ethernet) matches(id, mac string) (bool, error) {
	if e.SetName != "" && !interfaceName.MatchString(e.SetName) {
		return false, fmt.Errorf("set-name: %q is not a device's name", e.SetName)
	}
	if e.Match == nil {
		if e.SetName != "" {
			return false, errors.New("networks: 'set-name:' requires 'match:' properties")
		}
		return id == nicName, nil
	}
	if e.Match.MACAddress == "" || e.SetName == "" {
		return false, fmt.Errorf("every renderer but netplan takes %q for the device's name, "+
			"unless there are a macaddress to match and a set-name", id)
	}
	if _, err := net.ParseMAC(e.Match.MACAddress); err != nil {
		return false, fmt.Errorf("invalid MAC address %q", e.Match.MACAddress)
	}
	if e.Match.Name != "" {
		if ok, err := path.Match(e.Match.Name, nicName); err != nil || !ok {
			return false, err
		}
	}
	return strings.EqualFold(e.Match.MACAddress, mac) && (e.Match.Driver == "" || e.Match.Driver == nicDriver), nil
}

func (e ethernet) resolve() (Network, error) {
	n := Network{DHCP4: e.DHCP4, DHCPByMAC: e.DHCPIdentifier == "mac", AcceptsRA: e.AcceptRA == nil || *e.AcceptRA}
	for _, text := range e.Addresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return n, fmt.Errorf("addresses: %q is missing /prefixlength or malformed", text)
		}
		if slices.ContainsFunc(n.Addresses, func(p netip.Prefix) bool { return p.Addr() == prefix.Addr() }) {
			return n, fmt.Errorf("addresses: %s twice", prefix.Addr())
		}
		n.Addresses = append(n.Addresses, prefix)
	}
	if len(n.Addresses) == 0 && !n.DHCP4 {
		return n, errors.New("neither addresses nor dhcp4: the machine would come up without an address")
	}
	if len(n.Addresses) > 0 && !n.DHCP4 && !e.DHCP6 && (e.AcceptRA == nil || *e.AcceptRA) {
		return n, errors.New("accept-ra is not off: any router on the network adds an address, a route and a DNS server")
	}
	for key, text := range map[string]string{"gateway4": e.Gateway4, "gateway6": e.Gateway6} {
		if text == "" {
			continue
		}
		via, err := netip.ParseAddr(text)
		if err != nil || via.Is4() != (key == "gateway4") {
			return n, fmt.Errorf("%s: malformed address %q", key, text)
		}
		if err := n.gateway(via, false); err != nil {
			return n, fmt.Errorf("%s: %w", key, err)
		}
	}
	for _, r := range e.Routes {
		if err := n.route(r); err != nil {
			return n, fmt.Errorf("routes: %w", err)
		}
	}
	if len(n.Gateways) > 1 && n.Gateways[0].Is4() == n.Gateways[1].Is4() {
		return n, errors.New("conflicting default route declarations")
	}
	if e.Nameservers != nil {
		for _, text := range e.Nameservers.Addresses {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return n, fmt.Errorf("nameservers: malformed address %q", text)
			}
			n.Nameservers = append(n.Nameservers, addr)
		}
		for _, domain := range e.Nameservers.Search {
			if len(validation.IsDNS1123Subdomain(strings.ReplaceAll(strings.ToLower(domain), "_", "x"))) > 0 {
				return n, fmt.Errorf("nameservers: search domain %q is not a domain name", domain)
			}
			n.Search = append(n.Search, domain)
		}
	}
	return n, nil
}

func (n *Network) route(r route) error {
	isDefault := slices.Contains([]string{"default", "0.0.0.0/0", "::/0"}, r.To)
	if !isDefault {
		if _, err := netip.ParsePrefix(r.To); err != nil {
			if _, err := netip.ParseAddr(r.To); err != nil {
				return fmt.Errorf("malformed destination %q", r.To)
			}
		}
	}
	if r.Via == "" {
		if r.Scope == "link" || r.Type != "" {
			return nil
		}
		return fmt.Errorf("to %s: unicast route must include both a 'to' and 'via' IP", r.To)
	}
	via, err := netip.ParseAddr(r.Via)
	if err != nil {
		return fmt.Errorf("malformed address %q", r.Via)
	}
	if !isDefault {
		return n.onLink(via, r.OnLink)
	}
	return n.gateway(via, r.OnLink)
}

func (n *Network) gateway(via netip.Addr, forced bool) error {
	if err := n.onLink(via, forced); err != nil {
		return err
	}
	n.Gateways = append(n.Gateways, via)
	if forced && n.onLink(via, false) != nil {
		n.OnLink = append(n.OnLink, via)
	}
	return nil
}

// onLink returns the kernel's error when a next hop is behind no address of the
// interface. With DHCP alone that shows only later, so it is let pass.
func (n *Network) onLink(via netip.Addr, forced bool) error {
	if forced || len(n.Addresses) == 0 {
		return nil
	}
	for _, prefix := range n.Addresses {
		if prefix.Addr().Is6() && via.Is6() && via.IsLinkLocalUnicast() {
			return nil // on every segment of IPv6
		}
		if prefix.Contains(via) {
			if prefix.Addr() == via {
				return fmt.Errorf("gateway %s is the machine's own address", via)
			}
			return nil
		}
	}
	return fmt.Errorf("nexthop has invalid gateway: %s is not on-link in %s", via, n.Addresses[0].Masked())
}
