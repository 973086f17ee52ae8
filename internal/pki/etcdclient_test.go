package pki_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

func TestIssueEtcdClient(t *testing.T) {
	t.Parallel()
	now := time.Now()
	authorities, err := pki.NewAuthorities(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	client, err := pki.IssueEtcdClient(rand.Reader, authorities.Etcd, now)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(client.Cert)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authorities.Etcd.Cert)
	options := x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := certificate.Verify(options); err != nil {
		t.Errorf("it is no client of etcd's authority: %v", err)
	}
	if certificate.Subject.CommonName != "kube-apiserver-etcd-client" || len(certificate.Subject.Organization) > 0 {
		t.Errorf("subject %s", certificate.Subject)
	}
	if left := certificate.NotAfter.Sub(now); left > time.Hour || left < time.Hour-time.Minute {
		t.Errorf("it is valid for %s", left)
	}
	if len(certificate.DNSNames)+len(certificate.IPAddresses) > 0 {
		t.Error("it names a host, with which etcd would compare its client's")
	}

	if _, err := pki.IssueEtcdClient(rand.Reader, pki.KeyPair{}, now); err == nil {
		t.Error("issued without an authority")
	}
	_, err = pki.IssueEtcdClient(rand.Reader, authorities.Etcd, now.AddDate(11, 0, 0))
	if err == nil || !strings.Contains(err.Error(), "ended at") {
		t.Errorf("issued by an authority that has ended: %v", err)
	}
}
