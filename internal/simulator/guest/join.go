package guest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// pollInterval is how often a waiting machine looks again.
const pollInterval = 50 * time.Millisecond

// kubeadmJoin joins this machine to the cluster behind an endpoint. Everything
// it learns it learns through the simulated network, with its token.
func (g *guest) kubeadmJoin(ctx context.Context, inst *cloudinit.Instance, file []byte, tool kubeadm.Version) error {
	conf, err := kubeadm.LoadJoin(file, tool)
	if err != nil {
		return err
	}
	g.hide(conf.Token, conf.TLSToken)
	if conf.ControlPlane != nil {
		g.hide(conf.ControlPlane.CertificateKey)
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
	at, numeric := conf.Endpoint.Addr()
	if !numeric {
		return fmt.Errorf("error execution phase preflight: couldn't validate the identity of the API Server: lookup %s: no such host", conf.Endpoint.Host)
	}
	api := &nodeClient{guest: g, at: at}
	if err := api.discover(ctx, conf); err != nil {
		return fmt.Errorf("error execution phase preflight: couldn't validate the identity of the API Server: %w", err)
	}
	g.log("[preflight] Reading configuration from the \"kubeadm-config\" ConfigMap in namespace \"kube-system\"...")
	version, err := api.clusterVersion(ctx)
	if err != nil {
		return fmt.Errorf("error execution phase preflight: unable to fetch the kubeadm-config ConfigMap: %w", err)
	}
	if tool != (kubeadm.Version{}) && !tool.SameMinor(version) {
		return preflight("KubeletVersion", fmt.Errorf("the image's kubeadm and kubelet are v%s, the cluster's control plane is v%s", tool, version))
	}
	name := nodeName(inst, conf.Node)
	n := &node{name: name, address: address}
	if conf.ControlPlane != nil {
		if err := g.prepareControlPlane(ctx, api, inst, conf, version, n, advertise); err != nil {
			return err
		}
	}
	if err := api.checkNewNode(ctx, name); err != nil {
		return fmt.Errorf("error execution phase kubelet-start: %w", err)
	}
	if err := g.enter(ctx, at, n, conf, version); err != nil {
		return err
	}
	g.log("This node has joined the cluster.")
	return nil
}

// prepareControlPlane downloads the certificates and reads kube-vip's manifest.
func (g *guest) prepareControlPlane(ctx context.Context, api *nodeClient, inst *cloudinit.Instance, conf *kubeadm.Join, version kubeadm.Version, n *node, advertise netip.Addr) error {
	vip, err := kubeVIP(inst, version, false)
	if err != nil {
		return preflight("KubeVIP", err)
	}
	if err := g.checkVIP(inst, vip, conf.Endpoint, n.address); err != nil {
		return preflight("KubeVIP", err)
	}
	g.log("[download-certs] Downloading the certificates in Secret \"kubeadm-certs\" in the \"kube-system\" Namespace")
	if conf.ControlPlane.CertificateKey == "" {
		return errors.New("error execution phase preflight: One or more conditions for hosting a new control plane instance is not satisfied: [failure loading certificate for CA: couldn't load the certificate file /etc/kubernetes/pki/ca.crt: no such file or directory]")
	}
	var secret corev1.Secret
	if err := api.get(ctx, "/api/v1/namespaces/kube-system/secrets/kubeadm-certs", &secret); err != nil {
		return fmt.Errorf("error execution phase control-plane-prepare/download-certs: error downloading certs: error downloading the secret: %w", err)
	}
	files, err := kubeadm.Download(secret.Data, conf.ControlPlane.CertificateKey)
	if err != nil {
		return fmt.Errorf("error execution phase control-plane-prepare/download-certs: error downloading certs: %w", err)
	}
	ca, err := kubeadm.ReadAuthorities(func(path string) ([]byte, bool) {
		content, ok := files[path]
		return content, ok
	}, g.world.options.Now())
	if err != nil {
		return err
	}
	if !ca.Certificate.Equal(api.ca) {
		return errors.New("error execution phase control-plane-prepare/certs: the downloaded CA is not the cluster's")
	}
	n.controlPlane, n.vip = true, vip
	n.advertise = netip.AddrPortFrom(advertise, conf.ControlPlane.BindPort)
	n.static = staticPods(version, vip)
	return nil
}

// enter makes the machine a node, and an etcd member where it hosts the
// control plane.
func (g *guest) enter(ctx context.Context, at netip.AddrPort, n *node, conf *kubeadm.Join, version kubeadm.Version) error {
	w := g.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return errOff
	}
	i := slices.IndexFunc(w.clusters, func(c *cluster) bool { return c.vip == at || c.servesAt(at) })
	if i < 0 || w.clusters[i].healthy() != nil {
		return errors.New("error execution phase kubelet-start: timed out waiting for the condition: the API went away")
	}
	c := w.clusters[i]
	n.cluster = c
	for _, other := range w.guests {
		if on := other.disk.node; on != nil && on.cluster == c && on.name == n.name && other.kubelet {
			return fmt.Errorf("error execution phase kubelet-start: a Node with name %q and status \"Ready\" already exists in the cluster. You must delete the existing Node or change the name of this new joining Node", n.name)
		}
	}
	if n.controlPlane {
		var err error
		if n.serving, err = c.servingCertificate(n.name, n.advertise.Addr(), w.options.Now()); err != nil {
			return err
		}
	}
	n.object = g.nodeObject(n, conf.Node, version)
	c.store.Put(n.object, kubeapi.Nodes) // a node of that name that is not ready is taken over
	g.disk.node = n
	if n.controlPlane {
		g.console.Print("[etcd] Announced new etcd member joining to the existing etcd cluster")
		c.members = append(c.members, g)
	}
	return g.start()
}

func (c *cluster) servesAt(at netip.AddrPort) bool {
	return slices.ContainsFunc(c.members, func(m *guest) bool { return m.kubelet && m.disk.node.advertise == at })
}

// nodeClient is how a joining node talks to the API.
type nodeClient struct {
	guest *guest
	at    netip.AddrPort
	ca    *x509.Certificate // zero until discovery
	token string
}

// get reads one object.
func (a *nodeClient) get(ctx context.Context, path string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: a.ca == nil} //nolint:gosec // discovery pins the CA afterwards, as kubeadm does
	if a.ca != nil {
		conf.RootCAs = x509.NewCertPool()
		conf.RootCAs.AddCert(a.ca)
	}
	transport := &http.Transport{
		TLSClientConfig: conf, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return a.guest.world.network.Dial(ctx, a.at) },
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+a.at.String()+path, nil)
	if err != nil {
		return err
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return json.Unmarshal(body, out)
	}
	var status struct{ Message string }
	if json.Unmarshal(body, &status) != nil || status.Message == "" {
		status.Message = resp.Status
	}
	return &statusError{code: resp.StatusCode, message: status.Message}
}

type statusError struct {
	code    int
	message string
}

func (e *statusError) Error() string { return e.message }

// discover waits for the API and makes sure that it is the right one.
func (a *nodeClient) discover(ctx context.Context, conf *kubeadm.Join) error {
	id, secret, _ := strings.Cut(conf.Token, ".")
	deadline := time.Now().Add(a.guest.world.options.JoinTimeout)
	for {
		err := a.clusterInfo(ctx, conf, id, secret)
		var later *laterError
		if err == nil || !errors.As(err, &later) {
			return err
		}
		if time.Now().After(deadline) {
			return err
		}
		if !sleep(ctx, pollInterval) {
			return errOff
		}
	}
}

// laterError is a failure of discovery that may pass.
type laterError struct{ cause error }

func (e *laterError) Error() string { return e.cause.Error() }
func (e *laterError) Unwrap() error { return e.cause }

func (a *nodeClient) clusterInfo(ctx context.Context, conf *kubeadm.Join, id, secret string) error {
	var info corev1.ConfigMap
	if err := a.get(ctx, "/api/v1/namespaces/kube-public/configmaps/cluster-info", &info); err != nil {
		return &laterError{fmt.Errorf("failed to request the cluster-info ConfigMap: %w", err)}
	}
	signature, ok := info.Data[kubeapi.JWSPrefix+id]
	if !ok {
		return &laterError{fmt.Errorf("could not find a JWS signature in the cluster-info ConfigMap for token ID %q: the token is invalid for this cluster or it has expired", id)}
	}
	kubeconfig := info.Data["kubeconfig"]
	if signature != kubeapi.Sign(kubeconfig, id, secret) {
		return errors.New("failed to verify JWS signature of received cluster-info object, can't trust this API Server")
	}
	parsed, err := clientcmd.Load([]byte(kubeconfig))
	if err != nil || len(parsed.Clusters) != 1 {
		return errors.New("the cluster-info ConfigMap holds no kubeconfig with one cluster")
	}
	for _, c := range parsed.Clusters {
		block, _ := pem.Decode(c.CertificateAuthorityData)
		if block == nil {
			return errors.New("the kubeconfig in cluster-info holds no certificate authority")
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("the kubeconfig in cluster-info: %w", err)
		}
		hash := kubeadm.CertHash(ca)
		if !conf.SkipCACheck && !slices.ContainsFunc(conf.CACertHashes, func(h string) bool { return strings.EqualFold(h, hash) }) {
			return fmt.Errorf("cluster CA found in cluster-info ConfigMap is invalid: none of the public keys %q are pinned", hash)
		}
		a.ca = ca
	}
	// The second look proves that whoever answers holds a key that this CA signed.
	var again corev1.ConfigMap
	if err := a.get(ctx, "/api/v1/namespaces/kube-public/configmaps/cluster-info", &again); err != nil {
		a.ca = nil
		return &laterError{fmt.Errorf("failed to request the cluster-info ConfigMap: %w", err)}
	}
	a.token = conf.TLSToken
	return nil
}

// clusterVersion reads the cluster's version out of kubeadm-config.
func (a *nodeClient) clusterVersion(ctx context.Context) (kubeadm.Version, error) {
	var stored corev1.ConfigMap
	if err := a.get(ctx, "/api/v1/namespaces/kube-system/configmaps/kubeadm-config", &stored); err != nil {
		return kubeadm.Version{}, err
	}
	var doc struct {
		KubernetesVersion string `json:"kubernetesVersion"`
	}
	if err := yaml.Unmarshal(bytes.TrimSpace([]byte(stored.Data["ClusterConfiguration"])), &doc); err != nil {
		return kubeadm.Version{}, err
	}
	return kubeadm.ParseVersion(doc.KubernetesVersion)
}

// checkNewNode refuses a name that a ready node has.
func (a *nodeClient) checkNewNode(ctx context.Context, name string) error {
	var existing corev1.Node
	err := a.get(ctx, "/api/v1/nodes/"+name, &existing)
	var status *statusError
	if errors.As(err, &status) && status.code == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot get Node %q: %w", name, err)
	}
	for _, c := range existing.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
			return fmt.Errorf("a Node with name %q and status \"Ready\" already exists in the cluster. You must delete the existing Node or change the name of this new joining Node", name)
		}
	}
	return nil
}
