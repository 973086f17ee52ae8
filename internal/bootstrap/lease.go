package bootstrap

import (
	"net/netip"
	"strings"
)

// What only the lease of a machine says has these words in the documents. Before anything of
// Kubernetes runs the script puts in their place what the machine got, and only in the files
// that are listed for it.
const (
	LeasedAddress = "__GANTRY_LEASED_ADDRESS__"
	LeasedNetwork = "__GANTRY_LEASED_NETWORK__"
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
