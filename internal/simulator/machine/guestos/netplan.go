package guestos

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// netplanFile is the one that cloud-init renders.
const netplanFile = "/etc/netplan/50-cloud-init.yaml"

// applied are the keys of an ethernet that the stand-in has an effect for. What
// netplan knows beyond them is refused: the machine would appear configured and
// not be.
var applied = []string{"match", "set-name", "optional", "dhcp4", "dhcp6", "dhcp-identifier",
	"accept-ra", "addresses", "gateway4", "gateway6", "routes", "nameservers"}

// networkPlan is what is to be done to the machine's network card.
type networkPlan struct {
	cloudinit.Network
	// acceptRA is nil where the document leaves it to the kernel.
	acceptRA *bool
	// dhcp says that an address is to come from a server, which not every simulated network
	// has. cloud-init requests it where no network is configured, too.
	dhcp bool
}

// planNetwork reads a netplan file, for a card with a MAC address.
func planNetwork(document []byte, mac string) (networkPlan, error) {
	network, err := cloudinit.ParseNetplan(document, mac)
	if err != nil {
		return networkPlan{}, err
	}
	plan := networkPlan{Network: network}
	var raw struct {
		Network struct {
			Ethernets map[string]map[string]json.RawMessage `json:"ethernets"`
		} `json:"network"`
	}
	if err := yaml.Unmarshal(document, &raw); err != nil {
		return plan, err
	}
	if len(raw.Network.Ethernets) != 1 {
		return plan, fmt.Errorf("%d ethernets: the machine has one", len(raw.Network.Ethernets))
	}
	for id, settings := range raw.Network.Ethernets {
		for key := range settings {
			if !slices.Contains(applied, key) {
				return plan, fmt.Errorf("%s: %s has no effect in this machine", id, key)
			}
		}
		if value, ok := settings["accept-ra"]; ok {
			if err := json.Unmarshal(value, &plan.acceptRA); err != nil {
				return plan, fmt.Errorf("%s: accept-ra: %w", id, err)
			}
		}
		if value, ok := settings["set-name"]; ok && string(value) != `"`+wire.Interface+`"` {
			return plan, fmt.Errorf("%s: set-name: the card is %s and stays it", id, wire.Interface)
		}
		for _, key := range []string{"dhcp4", "dhcp6"} {
			plan.dhcp = plan.dhcp || string(settings[key]) == "true"
		}
		var routes []struct{ To string }
		if value, ok := settings["routes"]; ok {
			if err := json.Unmarshal(value, &routes); err != nil {
				return plan, fmt.Errorf("%s: routes: %w", id, err)
			}
		}
		for _, r := range routes {
			if !slices.Contains([]string{"default", "0.0.0.0/0", "::/0"}, r.To) {
				return plan, fmt.Errorf("%s: route to %s: only default routes have an effect in this machine", id, r.To)
			}
		}
	}
	return plan, nil
}

// commands returns those of ip(8) that bring the card up. They may run again on a
// card that is up.
func (p networkPlan) commands() []string {
	lines := []string{"link set lo up", "link set " + wire.Interface + " up"}
	for _, prefix := range p.Addresses {
		lines = append(lines, fmt.Sprintf("address replace %s dev %s", prefix, wire.Interface))
	}
	for _, gateway := range p.Gateways {
		everywhere := "0.0.0.0/0"
		if gateway.Is6() {
			everywhere = "::/0"
		}
		line := fmt.Sprintf("route replace %s via %s dev %s proto static", everywhere, gateway, wire.Interface)
		if slices.Contains(p.OnLink, gateway) {
			line += " onlink"
		}
		lines = append(lines, line)
	}
	return lines
}

// leaseClient is the command that asks for a lease, once: its life is longer than a test's. A
// client identifies itself by the address of its card.
func leaseClient(hostname string) []string {
	return []string{
		"busybox", "udhcpc", "-i", wire.Interface, "-n", "-q", "-t", "5", "-T", "1", "-x", "hostname:" + hostname, "-s", leaseScript,
	}
}

// leaseScript is what the client has done with a lease.
const leaseScript = "/run/gantry/lease"

const leaseScriptText = `#!/bin/sh
case $1 in bound | renew) ;; *) exit 0 ;; esac
ip -4 address flush dev "$interface" scope global
ip address replace "$ip/$mask" dev "$interface" valid_lft "$lease" preferred_lft "$lease"
[ -z "$router" ] || ip route replace 0.0.0.0/0 via "${router%% *}" dev "$interface" proto dhcp
{
	echo "# Made from a lease."
	for server in $dns; do echo "nameserver $server"; done
	[ -z "$domain" ] || echo "search $domain"
} >/etc/resolv.conf
`

// resolver returns the content of /etc/resolv.conf.
func (p networkPlan) resolver() string {
	var text strings.Builder
	text.WriteString("# Made from " + netplanFile + ".\n")
	for _, server := range p.Nameservers {
		text.WriteString("nameserver " + server.String() + "\n")
	}
	if len(p.Search) > 0 {
		text.WriteString("search " + strings.Join(p.Search, " ") + "\n")
	}
	return text.String()
}
