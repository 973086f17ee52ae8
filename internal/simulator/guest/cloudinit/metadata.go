package cloudinit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/strictyaml"
)

// Metadata is the machine's metadata document.
type Metadata struct {
	InstanceID string
	Hostname   string
	Network    Network
	// Cleanup lists the guestinfo keys (userdata, vendordata) to clean up after
	// they were read.
	Cleanup []string
}

// metadata is the document. Only the keys that the datasource acts upon.
type metadata struct {
	InstanceID      string          `json:"instance-id"`
	LocalHostname   string          `json:"local-hostname"`
	Cleanup         []string        `json:"cleanup-guestinfo"`
	Network         json.RawMessage `json:"network"`
	NetworkEncoding string          `json:"network.encoding"`
	WaitOnNetwork   *struct {
		IPv4 bool `json:"ipv4"`
		IPv6 bool `json:"ipv6"`
	} `json:"wait-on-network"`
	PublicKeys     json.RawMessage `json:"public-keys"`
	PublicKeysData string          `json:"public-keys-data"`
}

func parseMetadata(raw []byte, mac string) (Metadata, error) {
	var doc metadata
	if err := strictyaml.Unmarshal(raw, &doc); err != nil {
		return Metadata{}, err
	}
	m := Metadata{InstanceID: doc.InstanceID, Hostname: doc.LocalHostname, Cleanup: doc.Cleanup}
	if m.InstanceID == "" {
		// cloud-init falls back to the product UUID, which is another one at each
		// clone of a clone: per-instance modules would run again.
		return m, errors.New("instance-id is missing")
	}
	// 64 is what the kernel takes; a Kubernetes node name is stricter.
	if problems := validation.IsDNS1123Subdomain(m.Hostname); len(problems) > 0 || len(m.Hostname) > 63 {
		return m, fmt.Errorf("local-hostname: %q is not a valid hostname", m.Hostname)
	}
	for _, key := range m.Cleanup {
		if !slices.Contains([]string{"userdata", "vendordata"}, key) {
			return m, fmt.Errorf("cleanup-guestinfo: %q can't be cleaned up", key)
		}
	}
	inline, err := inlineNetwork(doc)
	if err != nil {
		return m, fmt.Errorf("network: %w", err)
	}
	if m.Network, err = parseNetwork(inline, mac); err != nil {
		return m, fmt.Errorf("network: %w", err)
	}
	waits := doc.WaitOnNetwork
	if m.Network.DHCP4 {
		if err := m.Network.checkLease(waits != nil && waits.IPv4); err != nil {
			return m, err
		}
	}
	for _, prefix := range m.Network.Addresses {
		if waits == nil || (prefix.Addr().Is4() && !waits.IPv4) || (prefix.Addr().Is6() && !waits.IPv6) {
			// Later modules would run before the address is up (canonical/cloud-init #4121).
			return m, fmt.Errorf("wait-on-network does not wait for the static address %s", prefix)
		}
	}
	return m, nil
}

// checkLease refuses a card that would get an address that is not its own, or another beside
// it, and a machine that goes on without one.
func (n Network) checkLease(waits bool) error {
	switch {
	case !n.DHCPByMAC:
		return errors.New("dhcp-identifier is not mac: all clones of an image with a machine-id in it get the same lease")
	case len(n.Addresses) > 0:
		return errors.New("addresses beside a lease: which of them is the node's would be left to chance")
	case n.AcceptsRA:
		return errors.New("accept-ra is not off: any router on the network adds an address, a route and a DNS server")
	case !waits:
		return errors.New("wait-on-network does not wait for the lease")
	}
	return nil
}

// inlineNetwork accepts the network configuration as a mapping and as text
// with an encoding of its own.
func inlineNetwork(doc metadata) ([]byte, error) {
	if len(doc.Network) == 0 || string(doc.Network) == "null" {
		return nil, errors.New("missing: the machine would come up without an address")
	}
	if doc.Network[0] != '"' {
		return doc.Network, nil
	}
	var text string
	if err := json.Unmarshal(doc.Network, &text); err != nil {
		return nil, err
	}
	switch doc.NetworkEncoding {
	case "":
		return []byte(text), nil
	case "base64", "b64":
		return base64.StdEncoding.DecodeString(text)
	case "gzip+base64", "gz+b64":
		packed, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, err
		}
		return gunzip("network", packed)
	default:
		return nil, fmt.Errorf("unknown encoding %q", doc.NetworkEncoding)
	}
}
