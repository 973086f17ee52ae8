package ippoolspec

import (
	"fmt"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// validateNameservers refuses DNS servers that nodes of the pool cannot ask.
func (m *Model) validateNameservers(at path.Path) diag.Diagnostics {
	var diags diag.Diagnostics
	family, known := m.family()
	reached := !known || len(m.Nameservers.Elements()) == 0
	seen := map[netip.Addr]bool{}
	for i, element := range m.Nameservers.Elements() {
		text, ok := element.(types.String)
		if !ok || text.IsUnknown() || text.IsNull() {
			reached = true // perhaps
			continue
		}
		server, err := netip.ParseAddr(text.ValueString())
		reached = reached || err != nil || server.BitLen() == family
		switch wrong := nameserverProblem(server); {
		case err != nil:
			diags.Append(invalidAddress(at.AtListIndex(i), text.ValueString()))
		case wrong != "":
			diags.Append(diagnostics.AttributeError(at.AtListIndex(i), "Invalid nameserver", fmt.Sprintf("%s %s.", server, wrong)))
		case seen[server]:
			diags.Append(diagnostics.AttributeError(at.AtListIndex(i), "Duplicate nameserver", fmt.Sprintf(
				"%s is in the list twice, spelled in two ways. Keep one of them.", server)))
		}
		seen[server] = true
	}
	if !reached && !diags.HasError() {
		diags.Append(diagnostics.AttributeError(at, "No nameserver within reach",
			"All of the servers are of another address family than the pool, and nodes have addresses of the pool alone. "+
				"Give at least one of the pool's family."))
	}
	return diags
}

// nameserverProblem says why no node can ask a DNS server; empty for nothing.
func nameserverProblem(server netip.Addr) string {
	switch {
	case server.Is4In6():
		return "is an IPv4 address written as IPv6. Write " + server.Unmap().String()
	case server.Zone() != "" || server.Is6() && server.IsLinkLocalUnicast():
		return "is link-local, and means nothing to pods, which ask the servers of their node. Give another address of the server"
	case server.IsLoopback():
		return "is the node itself, where no DNS server listens, and CoreDNS would ask itself"
	case server.IsUnspecified() || server.IsMulticast() || server == limitedBroadcast:
		return "is not an address that a server can have"
	}
	return ""
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// family is the number of bits of the pool's addresses; false where it is not known.
func (m *Model) family() (bits int, known bool) {
	text := m.Subnet
	if r, ok := m.Range.Attributes()["start"].(types.String); ok {
		text = r
	}
	if prefix, err := netip.ParsePrefix(text.ValueString()); err == nil {
		return prefix.Addr().BitLen(), true
	}
	addr, err := netip.ParseAddr(text.ValueString())
	return addr.BitLen(), err == nil
}
