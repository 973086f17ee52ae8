package standin

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// subnet is flanneld's description of a node, for each family of addresses that it has.
type subnet struct {
	networks []netip.Prefix // of all nodes
	subnets  []netip.Prefix // of this node
	mtu      int
	masks    bool // flanneld itself hides the addresses of pods from the world
}

// readSubnet reads the file of KEY=value lines that flanneld writes once it has a subnet.
func readSubnet(path string) (*subnet, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("flanneld has not written the node's subnet yet: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the node's subnet: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	read := &subnet{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, found := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if !found {
			continue
		}
		if err := read.set(key, strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%s: %s=%s: %w", path, key, value, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the node's subnet: %w", err)
	}
	if len(read.subnets) == 0 || len(read.networks) == 0 || read.mtu == 0 {
		return nil, fmt.Errorf("%s lacks one of FLANNEL_NETWORK, FLANNEL_SUBNET (or both with IPV6) and FLANNEL_MTU", path)
	}
	return read, nil
}

func (s *subnet) set(key, value string) error {
	var err error
	switch key {
	case "FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK":
		err = appendPrefixes(&s.networks, value)
	case "FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET":
		err = appendPrefixes(&s.subnets, value)
	case "FLANNEL_MTU":
		s.mtu, err = strconv.Atoi(value)
	case "FLANNEL_IPMASQ":
		s.masks, err = strconv.ParseBool(value)
	}
	return err
}

// appendPrefixes takes a comma-separated list. flanneld names a subnet by its first
// address, the bridge's; host-local refuses a subnet with bits of a host.
func appendPrefixes(to *[]netip.Prefix, list string) error {
	for text := range strings.SplitSeq(list, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		*to = append(*to, prefix.Masked())
	}
	return nil
}
