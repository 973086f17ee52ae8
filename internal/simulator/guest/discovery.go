package guest

import (
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
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// nodeClient is how a joining node talks to the API.
type nodeClient struct {
	guest *guest
	at    kubeadm.Endpoint
	ca    *x509.Certificate // zero until discovery
	token string
	// cluster is the ClusterConfiguration, once it was read.
	cluster string
}

// get reads one object.
func (a *nodeClient) get(ctx context.Context, path string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	// Before discovery nothing is trusted yet; the CA is pinned right after.
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: a.ca == nil}
	if a.ca != nil {
		conf.RootCAs = x509.NewCertPool()
		conf.RootCAs.AddCert(a.ca)
	}
	transport := &http.Transport{
		TLSClientConfig: conf, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			at, err := a.guest.resolve(a.at)
			if err != nil {
				return nil, err
			}
			return a.guest.world.network.Dial(ctx, at)
		},
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

// discover waits for the API and checks that it is the right one.
func (a *nodeClient) discover(ctx context.Context, conf *kubeadm.Join) error {
	id, secret, _ := strings.Cut(conf.Token, ".")
	deadline := time.Now().Add(a.guest.world.options.JoinTimeout)
	for {
		err := a.clusterInfo(ctx, conf, id, secret)
		var later *retryableError
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

// retryableError is a failure of discovery that may pass.
type retryableError struct{ cause error }

func (e *retryableError) Error() string { return e.cause.Error() }
func (e *retryableError) Unwrap() error { return e.cause }

func (a *nodeClient) clusterInfo(ctx context.Context, conf *kubeadm.Join, id, secret string) error {
	var info corev1.ConfigMap
	if err := a.get(ctx, "/api/v1/namespaces/kube-public/configmaps/cluster-info", &info); err != nil {
		return &retryableError{fmt.Errorf("failed to request the cluster-info ConfigMap: %w", err)}
	}
	signature, ok := info.Data[kubeapi.JWSPrefix+id]
	if !ok {
		return &retryableError{fmt.Errorf("could not find a JWS signature in the cluster-info ConfigMap for token ID %q: the "+
			"token is invalid for this cluster or it has expired", id)}
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
	// The second request proves that the server holds a key that this CA signed.
	var again corev1.ConfigMap
	if err := a.get(ctx, "/api/v1/namespaces/kube-public/configmaps/cluster-info", &again); err != nil {
		a.ca = nil
		return &retryableError{fmt.Errorf("failed to request the cluster-info ConfigMap: %w", err)}
	}
	a.token = conf.TLSToken
	return nil
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
			return &readyNodeError{name}
		}
	}
	return nil
}

// readyNodeError refuses a name that a ready node has.
type readyNodeError struct{ name string }

func (e *readyNodeError) Error() string {
	return fmt.Sprintf("a Node with name %q and status \"Ready\" already exists in the cluster. You must delete the "+
		"existing Node or change the name of this new joining Node", e.name)
}
