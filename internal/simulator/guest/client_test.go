package guest_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// restConfig reaches an endpoint through the proxy.
func (s *site) restConfig(host string) *rest.Config {
	s.t.Helper()
	proxy, err := url.Parse(s.world.ProxyURL())
	if err != nil {
		s.t.Fatal(err)
	}
	client := s.ca.client(s.t, "admin", "system:masters")
	keyDER, err := x509.MarshalECPrivateKey(client.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		s.t.Fatal(err)
	}
	return &rest.Config{
		Host: "https://" + host + ":6443", Proxy: http.ProxyURL(proxy), QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   []byte(s.ca.certPEM),
			CertData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: client.Certificate[0]}),
			KeyData:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
		},
	}
}

func (s *site) clientset(host string) *kubernetes.Clientset {
	s.t.Helper()
	c, err := kubernetes.NewForConfig(s.restConfig(host))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// putToken makes a bootstrap token as the engine does, and waits until the
// controllers have signed cluster-info with it, unless it has expired.
func (s *site) putToken(expires time.Time) {
	s.t.Helper()
	id, secret, _ := strings.Cut(token, ".")
	_, err := s.clientset(vip).CoreV1().Secrets("kube-system").Create(s.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + id}, Type: corev1.SecretTypeBootstrapToken,
		StringData: map[string]string{
			"token-id": id, "token-secret": secret, "expiration": expires.UTC().Format(time.RFC3339),
			"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
			"auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
		},
	}, metav1.CreateOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	if expires.Before(time.Now()) {
		return
	}
	eventually(s.t, "cluster-info is signed", func() bool {
		info, err := s.clientset(vip).CoreV1().ConfigMaps("kube-public").Get(s.t.Context(), "cluster-info", metav1.GetOptions{})
		return err == nil && info.Data["jws-kubeconfig-"+id] != ""
	})
}

// putCertificates makes what a joining control plane downloads.
func (s *site) putCertificates(keyHex string, role bool) {
	s.t.Helper()
	key, err := hex.DecodeString(keyHex)
	if err != nil {
		s.t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		s.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		s.t.Fatal(err)
	}
	data := map[string][]byte{}
	for name, plain := range map[string]string{
		"ca.crt": s.ca.certPEM, "ca.key": s.ca.keyPEM, "front-proxy-ca.crt": s.ca.certPEM, "front-proxy-ca.key": s.ca.keyPEM,
		"etcd-ca.crt": s.ca.certPEM, "etcd-ca.key": s.ca.keyPEM, "sa.key": s.ca.keyPEM, "sa.pub": s.ca.public(s.t),
	} {
		nonce := make([]byte, gcm.NonceSize())
		if _, err := rand.Read(nonce); err != nil {
			s.t.Fatal(err)
		}
		data[name] = gcm.Seal(nonce, nonce, []byte(plain), nil)
	}
	c := s.clientset(vip)
	if _, err := c.CoreV1().Secrets("kube-system").Create(s.t.Context(),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "kubeadm-certs"}, Data: data}, metav1.CreateOptions{}); err != nil {
		s.t.Fatal(err)
	}
	if role {
		s.certificateRole(c)
	}
}

// certificateRole lets who has a token read the encrypted certificates.
func (s *site) certificateRole(c kubernetes.Interface) {
	s.t.Helper()
	meta := metav1.ObjectMeta{Name: "kubeadm:kubeadm-certs"}
	_, err := c.RbacV1().Roles("kube-system").Create(s.t.Context(), &rbacv1.Role{
		ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"},
			APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"kubeadm-certs"}}},
	}, metav1.CreateOptions{})
	if err == nil {
		_, err = c.RbacV1().RoleBindings("kube-system").Create(s.t.Context(), &rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects: []rbacv1.Subject{{Kind: "Group", Name: "system:bootstrappers:kubeadm:default-node-token"}},
		}, metav1.CreateOptions{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func address(i int) string { return fmt.Sprintf("10.10.183.%d", i) }
