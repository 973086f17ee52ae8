package vsphere_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

func TestUploadToAHostThatTakesNothing(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	host := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer host.Close()
	defer close(release)
	to, err := url.Parse(host.URL)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		content := bytes.NewReader(make([]byte, 64<<20))
		ended <- vsphere.UploadTo(t.Context(), to, vsphere.Config{InsecureSkipVerify: true}, "", 50*time.Millisecond, content, content.Size())
	}()
	select {
	case err := <-ended:
		if err == nil || !model.Transient(err) || !strings.Contains(err.Error(), "the upload to "+to.Host+" failed") {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the upload does not end")
	}
}

// slowReader brings each of its bytes late.
type slowReader struct{ left int }

func (r *slowReader) Read([]byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(1200 * time.Millisecond)
	r.left--
	return 1, nil
}

func TestUploadOfASlowDownloadGoesOn(t *testing.T) {
	t.Parallel()
	host := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer host.Close()
	to, err := url.Parse(host.URL)
	if err != nil {
		t.Fatal(err)
	}
	err = vsphere.UploadTo(t.Context(), to, vsphere.Config{InsecureSkipVerify: true}, "", time.Second, &slowReader{left: 2}, 2)
	if err != nil {
		t.Error(err)
	}
}

// A host that is named by its address has to have a certificate for that, unless vCenter has
// told its thumbprint.
func TestUploadToAHostNamedByItsAddress(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		addresses []net.IP
		refused   bool
	}{
		"for its address":  {addresses: []net.IP{net.IPv4(127, 0, 0, 1)}},
		"for another name": {refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			template := &x509.Certificate{
				SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
				DNSNames: []string{"esx-9.example.com"}, IPAddresses: test.addresses,
			}
			der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			host := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
			}))
			host.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
			host.StartTLS()
			defer host.Close()
			to, err := url.Parse(host.URL)
			if err != nil {
				t.Fatal(err)
			}
			config := vsphere.Config{CACertificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
			err = vsphere.UploadTo(t.Context(), to, config, "00:11:22", time.Minute, strings.NewReader("disk"), 4)
			if (err != nil) != test.refused {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}
