package etcd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/netip"
	"slices"
	"strings"
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

// site is a cluster whose members the test starts.
type site struct {
	*etcd.Cluster
	t  *testing.T
	ca etcd.Authority
}

func (s *site) disk(name string, host byte) *etcd.Disk {
	s.t.Helper()
	d, err := s.Disk(s.ca, name, netip.AddrFrom4([4]byte{10, 0, 0, host}), time.Now())
	must(s.t, err)
	return d
}

func (s *site) start(d *etcd.Disk) *etcd.Member {
	s.t.Helper()
	m, err := d.Start()
	must(s.t, err)
	must(s.t, m.WaitReady(s.t.Context()))
	return m
}

// until waits for what takes a moment, such as a leader or a learner that has caught up.
func (s *site) until(what string, call func() error) {
	s.t.Helper()
	err := call()
	for deadline := time.Now().Add(time.Minute); err != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %v", what, err)
		}
		err = call()
	}
}

// TestFirstMemberTakesOthersOnceItIsReady looks right after the start, before anything else
// has given the cluster time to decide on its version.
func TestFirstMemberTakesOthersOnceItIsReady(t *testing.T) {
	t.Parallel()
	for range 4 {
		s := &site{Cluster: etcd.NewCluster(), t: t, ca: authority(t)}
		m := s.start(s.disk("a", 1))
		if !m.HasClusterVersion() {
			t.Error("a member that joins now would be refused as incompatible with the cluster")
		}
		kill(m)
		s.Close()
	}
}

// TestMembers joins two members to a first, kills the leader and removes it for good.
func TestMembers(t *testing.T) {
	t.Parallel()
	s := &site{Cluster: etcd.NewCluster(), t: t, ca: authority(t)}
	defer s.Close()
	first := s.disk("a", 1)
	members := []*etcd.Member{s.start(first)}
	for i, name := range []string{"b", "c"} {
		d := s.disk(name, byte(i+2))
		must(t, s.AddLearner(t.Context(), d))
		m := s.start(d)
		if slices.Contains(members[0].Voters(), m.ID()) {
			t.Errorf("%s votes before its promotion", name)
		}
		s.until("promotion", func() error { return s.Promote(t.Context(), d) })
		members = append(members, m)
	}
	must(t, s.CheckHealth(t.Context()))

	kill(members[0])
	s.until("a new leader", func() error {
		_, err := s.Any().Members(t.Context())
		return err
	})
	if err := s.CheckHealth(t.Context()); err == nil || !strings.Contains(err.Error(), "https://10.0.0.1:2379") {
		t.Errorf("with a dead member: %v", err)
	}
	if !s.Quorum() {
		t.Error("two of three are no quorum")
	}
	if err := s.AddLearner(t.Context(), s.disk("d", 4)); err == nil || !strings.Contains(err.Error(), "unhealthy cluster") {
		t.Errorf("a member is added with a dead one: %v", err)
	}
	s.until("removal", func() error { return s.Remove(t.Context(), first) })
	back, err := first.Start()
	must(t, err)
	if err := back.WaitReady(t.Context()); !errors.Is(err, etcd.ErrRemoved) {
		t.Errorf("a removed member is back: %v", err)
	}
	kill(back)
	kill(members[1])
	if s.Quorum() {
		t.Error("one of two is a quorum")
	}
	kill(members[2])
}

// TestMembersOfTwoReleases upgrades a cluster: members of both releases serve side by side,
// an older one may still join, and none once all are new.
func TestMembersOfTwoReleases(t *testing.T) {
	t.Parallel()
	s := &site{Cluster: etcd.NewCluster(), t: t, ca: authority(t)}
	defer s.Close()
	disks := map[string]*etcd.Disk{}
	var running []*etcd.Member
	defer func() { // before the cluster closes, which waits for them
		for _, m := range running {
			kill(m)
		}
	}()
	join := func(name, release string) error {
		d := s.disk(name, byte(len(disks)+1))
		d.Runs(release)
		disks[name] = d
		if len(disks) > 1 {
			s.until("another learner", func() error { return s.AddLearner(t.Context(), d) })
		}
		m, err := d.Start()
		if err != nil {
			return err
		}
		running = append(running, m)
		if len(disks) > 1 {
			s.until("promotion", func() error { return s.Promote(t.Context(), d) })
		}
		return m.WaitReady(t.Context())
	}
	must(t, join("a", "3.6.8"))
	must(t, join("b", "3.7.0"))
	must(t, join("c", "3.6.8"))
	s.until("the removal of a", func() error { return s.Remove(t.Context(), disks["a"]) })
	s.until("the removal of c", func() error { return s.Remove(t.Context(), disks["c"]) })
	if err := join("d", "3.6.8"); err == nil || !strings.Contains(err.Error(), "invalid downgrade") {
		t.Errorf("an older member joins a cluster that was upgraded: %v", err)
	}
}

// TestAddressIsThePeer joins a machine with the address of one whose join ended before
// its member started: etcd knows the peer already.
func TestAddressIsThePeer(t *testing.T) {
	t.Parallel()
	s := &site{Cluster: etcd.NewCluster(), t: t, ca: authority(t)}
	defer s.Close()
	first := s.start(s.disk("a", 1))
	must(t, s.AddLearner(t.Context(), s.disk("b", 2)))
	if err := s.AddLearner(t.Context(), s.disk("c", 3)); err == nil || !strings.Contains(err.Error(), "too many learner members") {
		t.Errorf("a second learner: %v", err)
	}
	again := s.disk("c", 2)
	must(t, s.AddLearner(t.Context(), again))
	second := s.start(again)
	s.until("promotion", func() error { return s.Promote(t.Context(), again) })
	list, err := first.Members(t.Context())
	must(t, err)
	if len(list) != 2 {
		t.Errorf("members %v", list)
	}
	kill(second)
	kill(first)
}

// TestLeaderThatIsRemoved takes the power from a leader as soon as its cluster has removed
// it: the other member goes on alone.
func TestLeaderThatIsRemoved(t *testing.T) {
	t.Parallel()
	for range 5 {
		s := &site{Cluster: etcd.NewCluster(), t: t, ca: authority(t)}
		stays := s.start(s.disk("a", 1))
		leaves := s.disk("b", 2)
		must(t, s.AddLearner(t.Context(), leaves))
		leader := s.start(leaves)
		s.until("promotion", func() error { return s.Promote(t.Context(), leaves) })
		s.until("leadership", func() error { return stays.Lead(t.Context(), leader) })
		s.until("removal", func() error { return s.Remove(t.Context(), leaves) })
		kill(leader)
		if !s.Quorum() {
			t.Error("the member that is left counts the one that was removed")
		}
		s.until("a leader", func() error {
			_, err := s.Any().Members(t.Context())
			return err
		})
		kill(stays)
		s.Close()
	}
}
