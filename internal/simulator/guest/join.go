package guest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// pollInterval is the polling interval of a waiting machine.
const pollInterval = 50 * time.Millisecond

// tryToJoin is the part of the script that joins. Where the power was lost over a join, the
// node that this has left counts as ready for a while, and kubeadm joins no second one of
// its name.
func (g *guest) tryToJoin(ctx context.Context, inst *cloudinit.Instance, file []byte, tool kubeadm.Version) error {
	g.world.mu.Lock()
	again := g.disk.node != nil || g.disk.joining != nil
	g.world.mu.Unlock()
	if again {
		if err := g.undoJoin(ctx, inst); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(g.world.options.JoinTimeout)
	for {
		err := g.kubeadmJoin(ctx, inst, file, tool)
		var ready *readyNodeError
		if err == nil || !again || !errors.As(err, &ready) || time.Now().After(deadline) {
			return err
		}
		if !sleep(ctx, pollInterval) {
			return errOff
		}
	}
}

// kubeadmJoin joins this machine to the cluster behind an endpoint. Everything
// it learns it learns through the simulated network, with its token.
func (g *guest) kubeadmJoin(ctx context.Context, inst *cloudinit.Instance, file []byte, tool kubeadm.Version) error {
	conf, err := kubeadm.LoadJoin(file, tool)
	if err != nil {
		return err
	}
	g.redact(conf.Token, conf.TLSToken)
	if conf.ControlPlane != nil {
		g.redact(conf.ControlPlane.CertificateKey)
	}
	for _, warning := range conf.Warnings {
		g.log("W kubeadm: %s", warning)
	}
	g.log("[preflight] Running pre-flight checks")
	var advertise netip.Addr
	if conf.ControlPlane != nil {
		advertise = conf.ControlPlane.Advertise
	}
	address, advertise, err := nodeAddresses(inst, conf.Node, advertise)
	if err != nil {
		return preflight("Address", err)
	}
	at, err := g.resolve(conf.Endpoint)
	if err != nil {
		return fmt.Errorf("error execution phase preflight: couldn't validate the identity of the API Server: %w", err)
	}
	api := &nodeClient{guest: g, at: conf.Endpoint}
	if err := api.discover(ctx, conf); err != nil {
		return fmt.Errorf("error execution phase preflight: couldn't validate the identity of the API Server: %w", err)
	}
	g.log("[preflight] Reading configuration from the \"kubeadm-config\" ConfigMap in namespace \"kube-system\"...")
	version, err := api.clusterVersion(ctx, tool, conf.ControlPlane != nil)
	if err != nil {
		return err
	}

	if err := patchKubelet(inst, &conf.Node); err != nil {
		return err
	}
	name := nodeName(inst, conf.Node)
	n := &node{name: name, address: address, version: version}
	if conf.ControlPlane == nil && tool != (kubeadm.Version{}) {
		n.version = tool
	}
	if conf.ControlPlane != nil {
		if err := g.prepareControlPlane(ctx, api, inst, conf, version, n, advertise); err != nil {
			return err
		}
	}
	if err := api.checkNewNode(ctx, name); err != nil {
		return fmt.Errorf("error execution phase kubelet-start: %w", err)
	}
	if err := g.joinCluster(ctx, at, n, conf, version); err != nil {
		return err
	}
	g.log("This node has joined the cluster.")
	return nil
}

// joinCluster makes the machine part of the cluster at an endpoint.
func (g *guest) joinCluster(ctx context.Context, at netip.AddrPort, n *node, conf *kubeadm.Join, version kubeadm.Version) error {
	c, err := g.world.clusterAt(at)
	if err != nil {
		return fmt.Errorf("error execution phase kubelet-start: %w", err)
	}
	if err := g.reached(ctx, JoinBegins); err != nil {
		return err
	}
	if n.controlPlane {
		return g.joinControlPlane(ctx, c, n, conf.Node, version)
	}
	if err := g.register(ctx, c, n, conf.Node, version); err != nil {
		return err
	}
	return g.joined(n)
}

// prepareControlPlane downloads the certificates and reads kube-vip's manifest.
func (g *guest) prepareControlPlane(
	ctx context.Context, api *nodeClient, inst *cloudinit.Instance, conf *kubeadm.Join,
	version kubeadm.Version, n *node, advertise netip.Addr,
) error {
	vip, err := g.endpointOf(inst, conf.Endpoint, n.address, false)
	if err != nil {
		return err
	}
	g.log("[download-certs] Downloading the certificates in Secret \"kubeadm-certs\" in the \"kube-system\" Namespace")
	if conf.ControlPlane.CertificateKey == "" {
		return errors.New("error execution phase preflight: One or more conditions for hosting a new control plane instance " +
			"is not satisfied: [failure loading certificate for CA: couldn't load the certificate file " +
			"/etc/kubernetes/pki/ca.crt: no such file or directory]")
	}

	var secret corev1.Secret
	if err := api.get(ctx, "/api/v1/namespaces/kube-system/secrets/kubeadm-certs", &secret); err != nil {
		return fmt.Errorf("error execution phase control-plane-prepare/download-certs: error downloading certs: error "+
			"downloading the secret: %w", err)
	}
	files, err := kubeadm.Download(secret.Data, conf.ControlPlane.CertificateKey)
	if err != nil {
		return fmt.Errorf("error execution phase control-plane-prepare/download-certs: error downloading certs: %w", err)
	}
	authorities, err := kubeadm.ReadAuthorities(func(path string) ([]byte, bool) {
		content, ok := files[path]
		return content, ok
	}, g.world.options.Now())
	if err != nil {
		return err
	}
	if !authorities.Cluster.Certificate.Equal(api.ca) {
		return errors.New("error execution phase control-plane-prepare/certs: the downloaded CA is not the cluster's")
	}
	if err := errors.Join(kubeadm.CheckMounts(api.cluster, inst.Has), kubeadm.CheckFlags(api.cluster, version)); err != nil {
		return fmt.Errorf("error execution phase control-plane-join: %w", err)
	}
	n.controlPlane = true
	n.vip = vip
	n.advertise = netip.AddrPortFrom(advertise, conf.ControlPlane.BindPort)
	n.etcdCA = authorities.Etcd
	repository := kubeadm.StoredRepository(api.cluster)
	n.static = staticPods(version, n, repository)
	if err := g.pull(inst, controlPlaneImages(n.static, version, repository)...); err != nil {
		return preflight("ImagePull", err)
	}
	n.keys, err = g.secretKeys(inst, conf.Node, version)
	return err
}

var errAPIAway = errors.New("timed out waiting for the condition: the API went away")

// clusterAt returns the cluster whose API answers at an endpoint.
func (w *World) clusterAt(at netip.AddrPort) (*cluster, error) {
	if c := w.balancedAt(at); c != nil {
		return c, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.clusters, func(c *cluster) bool { return c.vip == at || c.servesAt(at) })
	if i < 0 || w.clusters[i].healthy() != nil {
		return nil, errAPIAway
	}
	return w.clusters[i], nil
}

// register is the bootstrap of the kubelet, after which it runs and the API knows its node.
func (g *guest) register(ctx context.Context, c *cluster, n *node, r kubeadm.Registration, version kubeadm.Version) error {
	w := g.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return errOff
	}
	if !slices.Contains(w.clusters, c) || c.healthy() != nil {
		return fmt.Errorf("error execution phase kubelet-start: %w", errAPIAway)
	}
	n.cluster = c
	if err := c.checkSkew(n); err != nil {
		return err
	}
	for _, other := range w.guests {
		if on := other.disk.node; other != g && on != nil && on.cluster == c && on.name == n.name && other.kubelet {
			return fmt.Errorf("error execution phase kubelet-start: %w", &readyNodeError{n.name})
		}
	}
	n.object = g.nodeObject(n, r, version)
	c.store.Put(n.object, kubeapi.Nodes) // replaces a node of that name that is not ready
	g.disk.node = n
	g.kubelet = true
	g.startPods()
	c.settle()
	return nil
}

func (c *cluster) servesAt(at netip.AddrPort) bool {
	return slices.ContainsFunc(c.members, func(m *guest) bool { return m.endpoint != nil && m.disk.node.advertise == at })
}
