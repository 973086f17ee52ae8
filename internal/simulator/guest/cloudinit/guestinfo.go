// Package cloudinit reads guestinfo as cloud-init's VMware datasource and
// netplan do, and refuses what they would refuse. It also refuses what they
// would silently ignore (a misspelt key), because to its author that is
// the same mistake, found later.
package cloudinit

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

const (
	keyMetadata = "guestinfo.metadata"
	keyUserdata = "guestinfo.userdata"

	// Redacted is what cloud-init leaves in place of data that it cleaned up.
	Redacted = "---"

	// valueLimit is the size of a guestinfo value that VMs of the field still
	// transport, after encoding (vmware-tanzu/vm-operator #148).
	valueLimit = 64 << 10
	// expandedLimit stops a compressed bomb.
	expandedLimit = 4 << 20
)

// Instance is a machine's configuration as cloud-init understood it.
type Instance struct {
	Metadata
	Config
}

// Read decodes metadata and userdata, for a machine whose only NIC has a MAC address. When the metadata was good and the
// userdata is not, the instance is returned with the error: cloud-init cleans
// up what it read in that case too.
func Read(guestinfo map[string]string, mac string) (*Instance, error) {
	raw, err := value(guestinfo, keyMetadata)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("DataSourceVMware: no %s: no datasource found", keyMetadata)
	}
	inst := &Instance{}
	if inst.Metadata, err = parseMetadata(raw, mac); err != nil {
		return nil, fmt.Errorf("DataSourceVMware: %s: %w", keyMetadata, err)
	}
	if raw, err = value(guestinfo, keyUserdata); err != nil {
		return inst, err
	}
	if inst.Config, err = parseUserdata(raw); err != nil {
		return inst, fmt.Errorf("%s: %w", keyUserdata, err)
	}
	return inst, inst.reachesRouters()
}

// reachesRouters refuses a router that only netplan could reach: cloud-init's own
// renderer for networkd drops on-link, and networkd then waits for a way to it that only
// a drop-in to its unit can give.
func (i *Instance) reachesRouters() error {
	for _, router := range i.Network.OnLink {
		route := "Destination=" + netip.PrefixFrom(router, router.BitLen()).String()
		reached := false
		for path, file := range i.Files {
			dropIn := strings.HasPrefix(path, "/etc/systemd/network/10-cloud-init-") && strings.Contains(path, ".network.d/")
			reached = reached || dropIn && strings.Contains(string(file.Content), "[Route]\n"+route+"\n")
		}
		if !reached {
			return fmt.Errorf("network: networkd has no way to the router %s: on-link is dropped, and no drop-in has a [Route] with %s",
				router, route)
		}
	}
	return nil
}

// CleanedUp returns the changes that cleanup-guestinfo makes to the VM's
// guestinfo once the data has been read.
func (i *Instance) CleanedUp() map[string]string {
	changes := map[string]string{}
	for _, key := range i.Cleanup {
		changes["guestinfo."+key] = Redacted
		// A guest cannot set a value to nothing; cloud-init sets the next best.
		changes["guestinfo."+key+".encoding"] = " "
	}
	return changes
}

// value reads one guestinfo key with its encoding.
func value(guestinfo map[string]string, key string) ([]byte, error) {
	text := guestinfo[key]
	if text == "" || text == Redacted {
		return nil, nil
	}
	if len(text) > valueLimit {
		return nil, fmt.Errorf("%s: %d bytes do not fit into a guestinfo value of %d", key, len(text), valueLimit)
	}
	switch encoding := strings.TrimSpace(guestinfo[key+".encoding"]); encoding {
	case "":
		return []byte(text), nil
	case "base64", "b64":
		return fromBase64(key, text)
	case "gzip+base64", "gz+b64":
		packed, err := fromBase64(key, text)
		if err != nil {
			return nil, err
		}
		return gunzip(key, packed)
	default:
		return nil, fmt.Errorf("%s.encoding: unknown encoding %q", key, encoding)
	}
}

func fromBase64(key, text string) ([]byte, error) {
	// Python's decoder skips line ends, so do we.
	raw, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "").Replace(text))
	if err != nil {
		return nil, fmt.Errorf("%s: not base64: %w", key, err)
	}
	return raw, nil
}

func gunzip(name string, packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%s: not gzip: %w", name, err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, expandedLimit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: not gzip: %w", name, err)
	}
	if len(raw) > expandedLimit {
		return nil, fmt.Errorf("%s: more than %d bytes after decompression", name, expandedLimit)
	}
	return raw, nil
}
