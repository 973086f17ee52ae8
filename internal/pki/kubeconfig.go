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
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	adminName = "gantry-admin"
	// adminGroup is authorised by the API server itself, so the kubeconfig works
	// before any RBAC binding exists and after all of them are gone.
	adminGroup    = "system:masters"
	adminLifetime = 365 * 24 * time.Hour
)

// AdminKubeconfig issues a client certificate for gantry-admin, valid for one
// year but never longer than the CA, and returns a kubeconfig for the API at
// endpoint ("https://10.0.0.10:6443").
func (a *Authorities) AdminKubeconfig(rnd io.Reader, cluster, endpoint string, now time.Time) ([]byte, error) {
	if cluster == "" {
		return nil, errors.New("admin kubeconfig: the cluster has no name")
	}
	address, err := url.Parse(endpoint)
	if err != nil || address.Scheme != "https" || address.Host == "" {
		return nil, fmt.Errorf("admin kubeconfig of %s: endpoint %q is not an https URL", cluster, endpoint)
	}
	client, err := a.issueClient(rnd, pkix.Name{CommonName: adminName, Organization: []string{adminGroup}}, now)
	if err != nil {
		return nil, fmt.Errorf("admin kubeconfig of %s: %w", cluster, err)
	}

	context := adminName + "@" + cluster
	config := clientcmdapi.NewConfig()
	config.Clusters[cluster] = &clientcmdapi.Cluster{Server: endpoint, CertificateAuthorityData: a.CA.Cert}
	config.AuthInfos[adminName] = &clientcmdapi.AuthInfo{ClientCertificateData: client.Cert, ClientKeyData: client.Key}
	config.Contexts[context] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: adminName}
	config.CurrentContext = context
	data, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("admin kubeconfig of %s: %w", cluster, err)
	}
	return data, nil
}

// RenewKubeconfig returns a kubeconfig for the same API, newly issued, where less than
// half of a year is left of the given one; nil where there is more.
func (a *Authorities) RenewKubeconfig(rnd io.Reader, cluster string, kubeconfig []byte, now time.Time) ([]byte, error) {
	expires, err := KubeconfigExpiry(kubeconfig)
	if err != nil {
		return nil, err
	}
	if expires.Sub(now) >= adminLifetime/2 {
		return nil, nil
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, errors.New("renewal of kubeconfig: not a kubeconfig")
	}
	return a.AdminKubeconfig(rnd, cluster, config.Host, now)
}

// KubeconfigExpiry returns the expiry of the client certificate of a kubeconfig's
// current context.
func KubeconfigExpiry(kubeconfig []byte) (time.Time, error) {
	config, err := clientcmd.Load(kubeconfig)
	if err != nil {
		// The parser's error may quote the document, which holds a key.
		return time.Time{}, errors.New("expiry of kubeconfig: not a kubeconfig")
	}
	context, ok := config.Contexts[config.CurrentContext]
	if !ok {
		return time.Time{}, fmt.Errorf("expiry of kubeconfig: no context %q", config.CurrentContext)
	}
	user, ok := config.AuthInfos[context.AuthInfo]
	if !ok {
		return time.Time{}, fmt.Errorf("expiry of kubeconfig: no user %q", context.AuthInfo)
	}
	certificate, err := parseCertificate(user.ClientCertificateData)
	if err != nil {
		return time.Time{}, fmt.Errorf("expiry of kubeconfig: user %q: %w", context.AuthInfo, err)
	}
	return certificate.NotAfter, nil
}

func (a *Authorities) issueClient(rnd io.Reader, subject pkix.Name, now time.Time) (KeyPair, error) {
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
	notAfter := now.Add(adminLifetime).UTC()
	if notAfter.After(authority.NotAfter) {
		notAfter = authority.NotAfter
	}
	return sign(rnd, &x509.Certificate{
		SerialNumber:          serial,
		Subject:               subject,
		NotBefore:             now.Add(-clockSkew).UTC(),
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}, authority, key, signer)
}
