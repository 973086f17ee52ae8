package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// AdminGroup is the group of administrators. It has its rights from RBAC, by the
// ClusterRoleBinding of the same name that kubeadm makes, so that they
// can be taken away again.
const AdminGroup = "kubeadm:cluster-admins"

const (
	adminName     = "gantry-admin"
	adminLifetime = 365 * 24 * time.Hour

	// superGroup is authorised by the API server itself: nothing takes its rights
	// away but another certificate authority. It is in no kubeconfig that leaves the
	// process.
	superName     = "gantry-super-admin"
	superGroup    = "system:masters"
	superLifetime = time.Hour
)

// AdminKubeconfig issues a client certificate for gantry-admin, valid for one
// year but never longer than the CA, and returns a kubeconfig for the API at
// endpoint ("https://10.0.0.10:6443").
func (a *Authorities) AdminKubeconfig(rnd io.Reader, cluster, endpoint string, now time.Time) ([]byte, error) {
	return a.kubeconfig(rnd, cluster, endpoint, client{adminName, AdminGroup, adminLifetime}, now)
}

// SuperAdminKubeconfig is AdminKubeconfig for system:masters and for an hour. It is
// for the moments in which the binding of AdminGroup does not exist, and is never
// stored.
func (a *Authorities) SuperAdminKubeconfig(rnd io.Reader, cluster, endpoint string, now time.Time) ([]byte, error) {
	return a.kubeconfig(rnd, cluster, endpoint, client{superName, superGroup, superLifetime}, now)
}

// client is who a client certificate is issued to, and for how long.
type client struct {
	name     string
	group    string
	lifetime time.Duration
}

func (a *Authorities) kubeconfig(rnd io.Reader, cluster, endpoint string, who client, now time.Time) ([]byte, error) {
	if cluster == "" {
		return nil, errors.New("admin kubeconfig: the cluster has no name")
	}
	address, err := url.Parse(endpoint)
	if err != nil || address.Scheme != "https" || address.Host == "" {
		return nil, fmt.Errorf("admin kubeconfig of %s: endpoint %q is not an https URL", cluster, endpoint)
	}
	pair, err := a.issueClient(rnd, who, now)
	if err != nil {
		return nil, fmt.Errorf("admin kubeconfig of %s: %w", cluster, err)
	}
	data, err := write(cluster, who.name, &Connection{Server: endpoint, CA: a.CA.Cert, Client: pair})
	if err != nil {
		return nil, fmt.Errorf("admin kubeconfig of %s: %w", cluster, err)
	}
	return data, nil
}

// write renders the kubeconfig of a connection.
func write(cluster, user string, c *Connection) ([]byte, error) {
	context := user + "@" + cluster
	config := clientcmdapi.NewConfig()
	config.Clusters[cluster] = &clientcmdapi.Cluster{Server: c.Server, CertificateAuthorityData: c.CA}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: c.Client.Cert, ClientKeyData: c.Client.Key}
	config.Contexts[context] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: user}
	config.CurrentContext = context
	return clientcmd.Write(*config)
}

// RenewKubeconfig returns a kubeconfig for the same API, newly issued, where less than
// half of a year is left of the given one, or where it is of another group than
// AdminGroup, as an older Gantry issued them; nil where there is nothing to renew.
func (a *Authorities) RenewKubeconfig(rnd io.Reader, cluster string, kubeconfig []byte, now time.Time) ([]byte, error) {
	connection, err := ParseKubeconfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("renewal of the kubeconfig: %w", err)
	}
	certificate := connection.certificate
	if certificate.NotAfter.Sub(now) >= adminLifetime/2 && slices.Equal(certificate.Subject.Organization, []string{AdminGroup}) {
		return nil, nil
	}
	return a.AdminKubeconfig(rnd, cluster, connection.Server, now)
}

func (a *Authorities) issueClient(rnd io.Reader, who client, now time.Time) (KeyPair, error) {
	authority, signer, err := a.CA.parse()
	if err != nil {
		return KeyPair{}, fmt.Errorf("certificate authority: %w", err)
	}
	if !now.Before(authority.NotAfter) {
		return KeyPair{}, fmt.Errorf("the certificate authority ended at %s", authority.NotAfter.Format(time.RFC3339))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rnd)
	if err != nil {
		return KeyPair{}, err
	}
	serial, err := newSerial(rnd)
	if err != nil {
		return KeyPair{}, err
	}
	notAfter := now.Add(who.lifetime).UTC()
	if notAfter.After(authority.NotAfter) {
		notAfter = authority.NotAfter
	}
	return sign(rnd, &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: who.name, Organization: []string{who.group}},
		NotBefore:             now.Add(-clockSkew).UTC(),
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}, authority, key, signer)
}
