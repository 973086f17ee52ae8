package kubeadm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	defaultPort          = 6443
	defaultServiceSubnet = "10.96.0.0/12"
	pkiDir               = "/etc/kubernetes/pki"
)

var (
	tokenPattern = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)
	hashPattern  = regexp.MustCompile(`^sha256:[0-9a-fA-F]{64}$`)
)

// complete fills the defaults in and checks the values.
func (i *Init) complete(c cluster, local apiEndpoint, tool Version) error {
	version, err := ParseVersion(c.version)
	if err != nil {
		// kubeadm would ask the internet for "stable"; a node may not reach it, and
		// the answer changes over time.
		return fmt.Errorf("kubernetesVersion: %w", err)
	}
	if !version.SameMinor(tool) {
		return fmt.Errorf("the configured Kubernetes version %s does not match this image: kubeadm and kubelet are v%s", version, tool)
	}
	i.KubernetesVersion = version.String()
	i.ClusterName = c.name
	i.CertSANs = c.certSANs
	i.NoProxy = c.noProxy
	i.ImageRepository = c.imageRepository
	i.NoDNS = c.noDNS
	if i.ClusterName == "" {
		i.ClusterName = "kubernetes"
	}
	if c.externalEtcd != nil {
		return errors.New("etcd.external: there is no external etcd in the simulated datacenter")
	}
	if c.certificatesDir != "" && c.certificatesDir != pkiDir {
		return fmt.Errorf("certificatesDir: the image keeps certificates in %s", pkiDir)
	}
	if c.endpoint == "" {
		return errors.New("controlPlaneEndpoint is empty: no other control-plane node could ever join")
	}
	if i.Endpoint, err = parseEndpoint(c.endpoint); err != nil {
		return fmt.Errorf("controlPlaneEndpoint: %w", err)
	}
	if i.Advertise, i.BindPort, err = local.parse(); err != nil {
		return err
	}
	if err := i.subnets(c.networking); err != nil {
		return err
	}
	for _, san := range c.certSANs {
		_, notAddress := netip.ParseAddr(san)
		if notAddress != nil && len(validation.IsDNS1123Subdomain(san)) > 0 && len(validation.IsWildcardDNS1123Subdomain(san)) > 0 {
			return fmt.Errorf("apiServer.certSANs: %q is neither an address nor a DNS name", san)
		}
	}
	for component, args := range c.args {
		for _, a := range args {
			if a.Name == "" || strings.HasPrefix(a.Name, "-") {
				return fmt.Errorf("%s.extraArgs: argument name %q must not be empty nor start with a dash", component, a.Name)
			}
		}
	}
	for _, t := range i.Tokens {
		if err := t.check(); err != nil {
			return err
		}
	}
	if err := checkCertificateKey(i.CertificateKey); err != nil {
		return err
	}
	return i.Node.check()
}

func (j *Join) complete(d discovery, cp *joinControlPlane) error {
	switch {
	case d.BootstrapToken != nil && d.File != nil:
		return errors.New("discovery: bootstrapToken and file can't both be set")
	case d.File != nil:
		return errors.New("discovery.file: the image has no discovery file")
	case d.BootstrapToken == nil:
		return errors.New("discovery: bootstrapToken or file must be set")
	}
	t := d.BootstrapToken
	j.Token = t.Token
	j.TLSToken = d.TLSBootstrapToken
	j.CACertHashes = t.CACertHashes
	j.SkipCACheck = t.UnsafeSkipCAVerification
	if j.TLSToken == "" {
		j.TLSToken = j.Token
	}
	for _, token := range []string{j.Token, j.TLSToken} {
		if !tokenPattern.MatchString(token) {
			return errors.New("discovery: the bootstrap token is not of the form \"[a-z0-9]{6}.[a-z0-9]{16}\"")
		}
	}
	if len(j.CACertHashes) == 0 && !j.SkipCACheck {
		return errors.New("discovery.bootstrapToken.caCertHashes: Invalid value: \"\": using token-based discovery without " +
			"caCertHashes can be unsafe. Set unsafeSkipCAVerification as true in your kubeadm config file to continue")
	}
	for _, hash := range j.CACertHashes {
		if !hashPattern.MatchString(hash) {
			return fmt.Errorf("invalid public key hash, expected \"sha256:<64 hex digits>\", got %q", hash)
		}
	}
	host, port, err := net.SplitHostPort(t.APIServerEndpoint)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("discovery.bootstrapToken.apiServerEndpoint: %q is not host:port", t.APIServerEndpoint)
	}
	if j.Endpoint, err = parseEndpoint(t.APIServerEndpoint); err != nil {
		return fmt.Errorf("discovery.bootstrapToken.apiServerEndpoint: %w", err)
	}
	if cp != nil {
		j.ControlPlane = &JoinControlPlane{CertificateKey: cp.CertificateKey}
		if j.ControlPlane.Advertise, j.ControlPlane.BindPort, err = cp.LocalAPIEndpoint.parse(); err != nil {
			return err
		}
		if err := checkCertificateKey(cp.CertificateKey); err != nil {
			return err
		}
	}
	return j.Node.check()
}

func (e apiEndpoint) parse() (netip.Addr, uint16, error) {
	port := e.BindPort
	if port == 0 {
		port = defaultPort
	}
	if port < 1 || port > 65535 {
		return netip.Addr{}, 0, fmt.Errorf("localAPIEndpoint.bindPort: %d is not a port", port)
	}
	if e.AdvertiseAddress == "" {
		return netip.Addr{}, uint16(port), nil
	}
	addr, err := netip.ParseAddr(e.AdvertiseAddress)
	if err != nil {
		return addr, 0, fmt.Errorf("localAPIEndpoint.advertiseAddress: %q is not an address", e.AdvertiseAddress)
	}
	if addr.IsLoopback() || addr.IsUnspecified() {
		return addr, 0, fmt.Errorf("localAPIEndpoint.advertiseAddress: cannot use %q as the bind address for the API Server", addr)
	}
	return addr, uint16(port), nil
}

// parseEndpoint reads host or host:port.
func parseEndpoint(text string) (Endpoint, error) {
	host, port := text, strconv.Itoa(defaultPort)
	if _, err := netip.ParseAddr(text); err != nil {
		if h, p, err := net.SplitHostPort(text); err == nil {
			host, port = h, p
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Endpoint{}, fmt.Errorf("port %q must be a valid number between 1 and 65535, inclusive", port)
	}
	if _, err := netip.ParseAddr(host); err != nil && len(validation.IsDNS1123Subdomain(host)) > 0 {
		return Endpoint{}, fmt.Errorf("%q is neither an address nor a DNS name", host)
	}
	return Endpoint{Host: host, Port: uint16(n)}, nil
}

func (i *Init) subnets(n networking) (err error) {
	if n.ServiceSubnet == "" {
		n.ServiceSubnet = defaultServiceSubnet
	}
	if n.DNSDomain != "" && len(validation.IsDNS1123Subdomain(n.DNSDomain)) > 0 {
		return fmt.Errorf("networking.dnsDomain: %q is not a DNS name", n.DNSDomain)
	}
	if i.ServiceSubnets, err = parseSubnets("networking.serviceSubnet", n.ServiceSubnet); err != nil {
		return err
	}
	for _, s := range i.ServiceSubnets {
		if hostBits := s.Addr().BitLen() - s.Bits(); hostBits > 20 || hostBits < 3 {
			return fmt.Errorf("networking.serviceSubnet: %s must leave 3 to 20 bits for services", s)
		}
	}
	if n.PodSubnet == "" {
		return nil
	}
	if i.PodSubnets, err = parseSubnets("networking.podSubnet", n.PodSubnet); err != nil {
		return err
	}
	for _, p := range i.PodSubnets {
		nodeMask := 24
		if p.Addr().Is6() {
			nodeMask = 64
		}
		if p.Bits() > nodeMask || nodeMask-p.Bits() > 16 {
			return fmt.Errorf("networking.podSubnet: %s can't be cut into /%d subnets for nodes", p, nodeMask)
		}
		for _, s := range i.ServiceSubnets {
			if p.Overlaps(s) {
				return fmt.Errorf("networking.podSubnet %s overlaps networking.serviceSubnet %s", p, s)
			}
		}
	}
	return nil
}

func parseSubnets(field, text string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%s: couldn't parse subnet: invalid CIDR address: %s", field, part)
		}
		if p != p.Masked() {
			return nil, fmt.Errorf("%s: %s has host bits set", field, part)
		}
		all = append(all, p)
	}
	if len(all) > 2 || (len(all) == 2 && all[0].Addr().Is4() == all[1].Addr().Is4()) {
		return nil, fmt.Errorf("%s: expected one subnet, or one of each address family", field)
	}
	return all, nil
}

func (t BootstrapToken) check() error {
	// An entry without a token gets a random one.
	if t.Token != "" && !tokenPattern.MatchString(t.Token) {
		return errors.New("bootstrapTokens: a token is not of the form \"[a-z0-9]{6}.[a-z0-9]{16}\"")
	}
	if t.TTL != nil && t.Expires != nil {
		return errors.New("bootstrapTokens: the token TTL and Expires fields can't both be set")
	}
	for _, usage := range t.Usages {
		if !slices.Contains([]string{"signing", "authentication"}, usage) {
			return fmt.Errorf("bootstrapTokens: invalid bootstrap token usage %q", usage)
		}
	}
	for _, g := range t.Groups {
		if !strings.HasPrefix(g, "system:bootstrappers:") {
			return fmt.Errorf("bootstrapTokens: bootstrap group %q is invalid (must match \\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\\z)", g)
		}
	}
	return nil
}

func checkCertificateKey(key string) error {
	if key == "" {
		return nil
	}
	if raw, err := hex.DecodeString(key); err != nil || len(raw) != 32 {
		// The key itself stays out of the message: it decrypts the CA keys.
		return errors.New("certificateKey: Invalid value: must be a hex encoded string of 32 bytes")
	}
	return nil
}
