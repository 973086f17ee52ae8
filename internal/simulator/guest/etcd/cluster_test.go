package etcd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/etcd"
)

func authority(t *testing.T) etcd.Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "etcd-ca"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour * 24 * 3650),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return etcd.Authority{Certificate: certificate, Key: key}
}

func kill(m *etcd.Member) { m.Cut(); m.Release() }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTiming(t *testing.T) {
	ca := authority(t)
	c := etcd.NewCluster()
	defer c.Close()
	at := time.Now()
	lap := func(what string) { t.Logf("%-20s %s", what, time.Since(at)); at = time.Now() }
	var members []*etcd.Member
	var disks []*etcd.Disk
	for i, name := range []string{"a", "b", "c"} {
		d, err := c.Disk(ca, name, netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), time.Now())
		must(t, err)
		lap("disk")
		if i > 0 {
			must(t, c.AddLearner(t.Context(), d))
			lap("learner")
		}
		m, err := d.Start()
		must(t, err)
		lap("start")
		must(t, m.WaitReady(t.Context()))
		lap("ready")
		for i > 0 {
			err := c.Promote(t.Context(), d)
			if err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		lap("promoted")
		members = append(members, m)
		disks = append(disks, d)
	}
	kill(members[0])
	lap("killed")
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := members[1].Members(ctx)
		cancel()
		if err == nil {
			break
		}
	}
	lap("new leader")
	must(t, c.Remove(t.Context(), disks[0]))
	lap("removed")
	m, err := disks[0].Start()
	must(t, err)
	if err := m.WaitReady(t.Context()); err != etcd.ErrRemoved {
		t.Errorf("a removed member is back: %v", err)
	}
	lap("removed comes back")
	kill(m)
	kill(members[1])
	kill(members[2])
	lap("killed 3")
}
