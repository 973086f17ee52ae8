package guest

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/etcd"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// kubeadmInit starts a cluster on this machine.
func (g *guest) kubeadmInit(ctx context.Context, inst *cloudinit.Instance, file []byte, tool kubeadm.Version) error {
	conf, err := kubeadm.LoadInit(file, tool)
	if err != nil {
		return err
	}
	g.redact(conf.CertificateKey)
	for _, t := range conf.Tokens {
		g.redact(t.Token)
	}
	version, err := kubeadm.ParseVersion(conf.KubernetesVersion)
	if err != nil {
		return err
	}
	for _, warning := range conf.Warnings {
		g.log("W kubeadm: %s", warning)
	}
	g.log("[init] Using Kubernetes version: v%s", version)

	n, err := g.preflightInit(inst, conf, version)
	if err != nil {
		return err
	}
	if n.cluster, err = g.prepareCluster(inst, conf, version, n); err != nil {
		return err
	}
	if n.serving, err = n.cluster.servingCertificate(n.name, n.advertise.Addr(), g.world.options.Now()); err != nil {
		return err
	}
	if err := patchKubelet(inst, &conf.Node); err != nil {
		return err
	}
	if n.keys, err = g.secretKeys(inst, conf.Node, version); err != nil {
		return err
	}
	n.cluster.store.SetKeys(n.keys)
	n.object = g.nodeObject(n, conf.Node, version)
	n.version = version
	disk, member, err := g.restore(ctx, inst, n)
	if err != nil {
		return err
	}
	err = g.startCluster(ctx, n, conf, disk, member)
	if err == nil && n.vip == nil {
		err = g.awaitEndpoint(ctx, n.cluster, n)
	}
	if err == nil {
		g.world.mu.Lock()
		g.world.history.Inits = append(g.world.history.Inits, g.vm.Name)
		g.console.Print("[init] Your Kubernetes control-plane has initialized successfully!")
		g.world.mu.Unlock()
	}
	if err != nil && member != nil {
		g.world.mu.Lock()
		defer g.world.mu.Unlock()
		if g.member != member {
			g.world.kill(member)
		}
	}
	return err
}

// preflightInit checks addresses and kube-vip, pulls the images, and returns the new node.
func (g *guest) preflightInit(inst *cloudinit.Instance, conf *kubeadm.Init, version kubeadm.Version) (*node, error) {
	g.log("[preflight] Running pre-flight checks")
	address, advertise, err := nodeAddresses(inst, conf.Node, conf.Advertise)
	if err != nil {
		return nil, preflight("Address", err)
	}
	for _, subnet := range slices.Concat(conf.PodSubnets, conf.ServiceSubnets) {
		if subnet.Contains(address) {
			return nil, preflight("Subnet", fmt.Errorf("subnet %s contains the node's address %s", subnet, address))
		}
	}
	vip, err := g.endpointOf(inst, conf.Endpoint, address, true)
	if err != nil {
		return nil, err
	}
	n := &node{
		name:         nodeName(inst, conf.Node),
		address:      address,
		advertise:    netip.AddrPortFrom(advertise, conf.BindPort),
		controlPlane: true,
		vip:          vip,
	}
	n.static = staticPods(version, n, conf.ImageRepository)
	return n, g.pull(inst, controlPlaneImages(n.static, version, conf.ImageRepository)...)
}

// prepareCluster reads the certificate authorities and creates the cluster.
func (g *guest) prepareCluster(
	inst *cloudinit.Instance, conf *kubeadm.Init, version kubeadm.Version, n *node,
) (*cluster, error) {
	authorities, err := kubeadm.ReadAuthorities(func(path string) ([]byte, bool) {
		f, ok := inst.Files[path]
		return f.Content, ok
	}, g.world.options.Now())
	if err != nil {
		return nil, err
	}
	g.log("[certs] Using existing ca certificate authority")

	if n.vip == nil {
		// A load balancer leads to it.
	} else if err := n.vip.CheckKubeconfig(true); err != nil {
		g.log("%v", err)
		return nil, fmt.Errorf("error execution phase upload-config/kubeadm: could not reach the control plane at %s:%d: "+
			"dial tcp: no route to host: no node holds the VIP", conf.Endpoint.Host, conf.Endpoint.Port)
	}
	if err := errors.Join(kubeadm.CheckMounts(conf.ClusterDocument, inst.Has), kubeadm.CheckFlags(conf.ClusterDocument, version)); err != nil {
		return nil, fmt.Errorf("error execution phase wait-control-plane: %w", err)
	}
	n.etcdCA = authorities.Etcd
	return g.newCluster(conf, version, authorities.Cluster, n.vip)
}

// startCluster makes the machine the first member of its cluster. Of a cluster that is
// restored, the member runs already.
func (g *guest) startCluster(ctx context.Context, n *node, conf *kubeadm.Init, disk *etcd.Disk, member *etcd.Member) error {
	c := n.cluster
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	if ctx.Err() != nil {
		return errOff
	}
	if err := c.checkKeys(n); err != nil {
		return err
	}
	if c.vip.IsValid() {
		if err := g.world.network.Claim(c.vip.Addr(), c.vipOwner()); err != nil {
			return fmt.Errorf("error execution phase wait-control-plane: the VIP: %w", err)
		}
	}

	g.world.clusters = append(g.world.clusters, c)
	g.disk.node = n
	c.members = []*guest{g}
	c.begin(g, disk, member)
	c.populate(conf)
	node := n.registration()
	if err := markControlPlane(node, conf.Node); err != nil {
		return err
	}
	c.store.Put(node, kubeapi.Nodes) // a snapshot may have one of that name
	n.joined = n.vip != nil          // else the load balancer comes first
	run, cancel := context.WithCancel(g.world.ctx)
	c.cancel = cancel
	if err := g.start(ctx); err != nil {
		cancel()
		return err
	}
	g.world.running.Go(func() { c.server.Run(run, c.environment(conf)) })
	if n.vip != nil {
		g.world.running.Go(func() { c.runKubeVIP(run) })
	}
	return nil
}

func preflight(check string, err error) error {
	return fmt.Errorf("error execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR %s]: %w", check, err)
}

func (g *guest) redact(secrets ...string) {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	g.console.Hide(secrets...)
}

// nodeAddresses returns the address that kubelet registers and the one that the
// API server and etcd advertise; both must be the machine's own.
func nodeAddresses(inst *cloudinit.Instance, r kubeadm.Registration, advertise netip.Addr) (node, api netip.Addr, err error) {
	own := inst.Network.Addresses
	node, api = own[0].Addr(), own[0].Addr()
	has := func(a netip.Addr) bool {
		return slices.ContainsFunc(own, func(p netip.Prefix) bool { return p.Addr() == a })
	}
	if r.NodeIP.IsValid() {
		if !has(r.NodeIP) {
			return node, api, fmt.Errorf("kubelet: failed to validate nodeIP: node IP: %q not found in the host's network interfaces", r.NodeIP)
		}
		node = r.NodeIP
	}
	if advertise.IsValid() {
		if !has(advertise) {
			return node, api, fmt.Errorf("localAPIEndpoint.advertiseAddress: listen tcp %s: bind: cannot assign requested address", advertise)
		}
		api = advertise
	}
	return node, api, nil
}

func nodeName(inst *cloudinit.Instance, r kubeadm.Registration) string {
	if r.Name != "" {
		return r.Name
	}
	return inst.Hostname
}

// endpointOf reads what holds the endpoint: kube-vip on this node, or, where the machine takes
// a lease, a load balancer elsewhere, which has to be there.
func (g *guest) endpointOf(inst *cloudinit.Instance, endpoint kubeadm.Endpoint, address netip.Addr, first bool) (*kubeadm.KubeVIP, error) {
	if inst.Network.DHCP4 {
		if inst.Has(kubeadm.KubeVIPManifest) {
			return nil, preflight("KubeVIP", errors.New("kube-vip would announce an address that a server of DHCP may give to others"))
		}
		at, err := g.resolve(endpoint)
		if err != nil {
			return nil, preflight("Endpoint", err)
		}
		if at.Addr() == address {
			return nil, preflight("Endpoint", fmt.Errorf("the endpoint %s is the node's own address", at))
		}
		return nil, nil
	}
	vip, err := kubeVIP(inst, first)
	if err == nil {
		err = g.checkVIP(inst, vip, endpoint, address)
	}
	if err != nil {
		return nil, preflight("KubeVIP", err)
	}
	return vip, nil
}

// kubeVIP reads the static pod that holds the control plane's address.
func kubeVIP(inst *cloudinit.Instance, first bool) (*kubeadm.KubeVIP, error) {
	file, ok := inst.Files[kubeadm.KubeVIPManifest]
	if !ok {
		return nil, fmt.Errorf("%s: no such file: no node would hold the control plane's address", kubeadm.KubeVIPManifest)
	}
	vip, err := kubeadm.ParseKubeVIP(file.Content)
	if err != nil {
		return nil, err
	}
	if err := vip.CheckVolumes(func(path string) bool { _, ok := inst.Files[path]; return ok }); err != nil {
		return nil, err
	}
	if first {
		return vip, nil // init detects it later: no node holds the VIP
	}
	return vip, vip.CheckKubeconfig(first)
}

// checkVIP checks that this machine can hold the VIP and that it is not an
// address of a node.
func (g *guest) checkVIP(inst *cloudinit.Instance, vip *kubeadm.KubeVIP, endpoint kubeadm.Endpoint, address netip.Addr) error {
	at, numeric := endpoint.Addr()
	switch {
	case !numeric:
		return fmt.Errorf("controlPlaneEndpoint %q: no such host", endpoint.Host)
	case vip.Address != at.Addr():
		return fmt.Errorf("kube-vip's address %s is not that of controlPlaneEndpoint %s", vip.Address, at)
	case vip.Port != fmt.Sprint(at.Port()):
		return fmt.Errorf("kube-vip's port %s is not that of controlPlaneEndpoint %s", vip.Port, at)
	case vip.Address == address:
		return fmt.Errorf("the VIP %s is the node's own address", vip.Address)
	}
	if !slices.ContainsFunc(inst.Network.Addresses, func(p netip.Prefix) bool { return p.Contains(vip.Address) }) {
		return fmt.Errorf("the VIP %s is not in the node's network %s", vip.Address, inst.Network.Addresses[0].Masked())
	}
	return nil
}

func (g *guest) newCluster(conf *kubeadm.Init, version kubeadm.Version, ca *kubeadm.Authority, vip *kubeadm.KubeVIP) (*cluster, error) {
	var at netip.AddrPort
	if vip != nil {
		if holder, taken := g.world.network.Holder(vip.Address); taken {
			return nil, preflight("KubeVIP", fmt.Errorf("the VIP %s is in use by %s", vip.Address, holder))
		}
		at, _ = conf.Endpoint.Addr() // which is that of the VIP
	}
	c := &cluster{
		at:      conf.Endpoint,
		world:   g.world,
		version: version,
		ca:      ca,
		vip:     at,
		sans:    conf.CertSANs,
		service: conf.ServiceSubnets[0].Addr().Next(),
		changed: make(chan struct{}, 1),
		store:   kubeapi.NewStore(g.world.options.Now),
		cancel:  func() {},
		etcd:    etcd.NewCluster(),
	}
	c.etcd.Content = c.store.Save
	c.server = kubeapi.NewServer(c.store, ca.Pool(), c.release, c.healthy)
	c.server.Kubelet = c.kubeletOf
	return c, nil
}

// environment returns the input of the cluster's controllers.
func (c *cluster) environment(conf *kubeadm.Init) kubeapi.Environment {
	return kubeapi.Environment{
		Kubelets: c.kubelets,
		Machines: kubeapi.Machines{Cloud: c.world.options.Cloud, VMs: c.machines},
		CA:       c.caPEM(),
		Changed:  c.changed,
		PodCIDRs: nodeCIDRs(conf.PodSubnets),
	}
}

func (c *cluster) caPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.ca.Certificate.Raw})
}

// nodeCIDRs splits the first pod subnet into those of the nodes.
func nodeCIDRs(subnets []netip.Prefix) []string {
	const most = 1024
	if len(subnets) == 0 {
		return nil
	}
	bits := 24
	if subnets[0].Addr().Is6() {
		bits = 64
	}
	var all []string
	for at := subnets[0].Addr(); subnets[0].Contains(at) && len(all) < most; {
		all = append(all, netip.PrefixFrom(at, bits).String())
		raw := at.AsSlice()
		for i := bits/8 - 1; i >= 0; i-- {
			if raw[i]++; raw[i] != 0 {
				break
			}
		}
		next, _ := netip.AddrFromSlice(raw) // same length as a valid address
		if !at.Less(next) {
			break
		}
		at = next
	}
	return all
}
