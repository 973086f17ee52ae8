package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// maxKubeconfig is far more than one connection takes.
const maxKubeconfig = 1 << 20

// Connection is all that is ever taken from a kubeconfig. Whatever else one may
// say would run a program on, read a file of, or send a request from the machine
// that Terraform runs on, at the word of whoever wrote the kubeconfig.
type Connection struct {
	Server string  // https URL of the API
	CA     []byte  // PEM
	Client KeyPair // of the user

	certificate *x509.Certificate // the client's
}

// FieldError is a field of a kubeconfig that no connection takes.
type FieldError struct {
	Field string // such as "user.exec"
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("the kubeconfig has the field %s, which is not used: "+
		"of a kubeconfig Gantry takes the server, and as data inside of it certificate-authority-data, client-certificate-data and "+
		"client-key-data, and never runs a program or reads another file for it. "+
		"Give a kubeconfig with a client certificate, such as /etc/kubernetes/admin.conf of a control-plane node, "+
		"or the output of `kubectl config view --raw --flatten --minify` where the certificates are in files", e.Field)
}

// ParseKubeconfig returns the connection of a kubeconfig's current context. A field
// that would change where or as whom the connection is made, or how it is
// verified, is refused with a *FieldError; other contexts and namespaces are of no
// concern. No error quotes the document, which holds a key.
func ParseKubeconfig(kubeconfig []byte) (*Connection, error) {
	if len(kubeconfig) > maxKubeconfig {
		return nil, fmt.Errorf("the kubeconfig is larger than %d bytes", maxKubeconfig)
	}
	config, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return nil, errors.New("the text is not a kubeconfig")
	}
	context, found := config.Contexts[config.CurrentContext]
	if !found || context == nil {
		return nil, errors.New("the kubeconfig has no current context")
	}
	cluster, found := config.Clusters[context.Cluster]
	if !found || cluster == nil {
		return nil, errors.New("the kubeconfig does not have the cluster of its current context")
	}
	user, found := config.AuthInfos[context.AuthInfo]
	if !found || user == nil {
		return nil, errors.New("the kubeconfig does not have the user of its current context")
	}
	if field := unusedField(cluster, user); field != "" {
		return nil, &FieldError{Field: field}
	}
	return newConnection(cluster, user)
}

func newConnection(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) (*Connection, error) {
	if err := checkServer(cluster.Server); err != nil {
		return nil, err
	}
	authority, err := parseCertificate(cluster.CertificateAuthorityData)
	if err != nil {
		return nil, errors.New("the certificate-authority-data of the kubeconfig is not a certificate")
	}
	client := KeyPair{Cert: user.ClientCertificateData, Key: user.ClientKeyData}
	certificate, key, err := client.parse()
	if err != nil {
		return nil, errors.New("the client-certificate-data and client-key-data of the kubeconfig are not a certificate and its key")
	}
	if !samePublicKey(certificate.PublicKey, key.Public()) {
		return nil, errors.New("the client-key-data of the kubeconfig does not belong to its client-certificate-data")
	}
	return &Connection{
		Server:      cluster.Server,
		CA:          encodeCertificate(authority.Raw),
		Client:      client,
		certificate: certificate,
	}, nil
}

// checkServer never quotes the URL: it may carry a password.
func checkServer(server string) error {
	address, err := url.Parse(server)
	switch {
	case err != nil || address.Scheme != "https" || address.Hostname() == "":
		return errors.New("the server of the kubeconfig is not an https URL")
	case address.User != nil || address.RawQuery != "" || address.Fragment != "":
		return errors.New("the server of the kubeconfig is more than an https URL of a host")
	}
	return nil
}

// unusedField is the first field that no connection takes; empty for none.
func unusedField(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) string {
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"user.exec", user.Exec != nil},
		{"user.auth-provider", user.AuthProvider != nil},
		{"user.tokenFile", user.TokenFile != ""},
		{"user.token", user.Token != ""},
		{"user.client-certificate", user.ClientCertificate != ""},
		{"user.client-key", user.ClientKey != ""},
		{"user.username", user.Username != ""},
		{"user.password", user.Password != ""},
		{"user.as", user.Impersonate != ""},
		{"user.as-uid", user.ImpersonateUID != ""},
		{"user.as-groups", len(user.ImpersonateGroups) > 0},
		{"user.as-user-extra", len(user.ImpersonateUserExtra) > 0},
		{"cluster.proxy-url", cluster.ProxyURL != ""},
		{"cluster.insecure-skip-tls-verify", cluster.InsecureSkipTLSVerify},
		{"cluster.certificate-authority", cluster.CertificateAuthority != ""},
		{"cluster.tls-server-name", cluster.TLSServerName != ""},
	} {
		if field.set {
			return field.name
		}
	}
	return ""
}
