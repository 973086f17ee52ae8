package record_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func TestIPPoolReadsBack(t *testing.T) {
	t.Parallel()
	const raw = `{"name":"nodes","start":"10.10.183.1","end":"10.10.183.100","prefix_length":18,` +
		`"default_gateway":"10.10.128.1","excluded":["10.10.183.5-10.10.183.9"],"restrict_to_single_cluster":true}`
	var body record.IPPool
	must(t, json.Unmarshal([]byte(raw), &body))
	addresses, err := body.Addresses()
	must(t, err)
	if body.Name != "nodes" || !body.RestrictToSingleCluster || addresses.Total() != 95 {
		t.Errorf("the IP pool is %+v with %d addresses", body, addresses.Total())
	}
	again, err := json.Marshal(body)
	must(t, err)
	if string(again) != raw {
		t.Errorf("the body is written as %s", again)
	}
}

func TestIPPoolHasAddresses(t *testing.T) {
	t.Parallel()
	subnet, err := record.IPPool{Name: "nodes", Subnet: "10.10.183.64/26"}.Addresses()
	must(t, err)
	if subnet.Total() != 62 {
		t.Errorf("the subnet has %d addresses", subnet.Total())
	}
	var field *ipam.FieldError
	if _, err := (record.IPPool{Start: "x"}).Addresses(); !errors.As(err, &field) {
		t.Errorf("the error is %v, want an *ipam.FieldError", err)
	}
}

func TestReuseDelay(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int]time.Duration{-5: 0, 0: 0, 7: 7 * time.Second} {
		if got := (record.IPPool{ReuseDelaySeconds: &seconds}).ReuseDelay(); got != want {
			t.Errorf("%d seconds are %s, want %s", seconds, got, want)
		}
	}
	if got := (record.IPPool{}).ReuseDelay(); got != record.DefaultReuseDelay {
		t.Errorf("the default is %s", got)
	}
}

func TestIPPoolsWithOtherSpellingsOfTheirAddressesAreEqual(t *testing.T) {
	t.Parallel()
	a := record.IPPool{
		Start: "fd00::1", End: "fd00::ff", DefaultGateway: "fd00::1:0", Nameservers: []string{"fd00::2:1", "10.0.0.1"},
		Excluded: []string{"fd00::7", "fd00::8-fd00::9"},
	}
	b := record.IPPool{
		Start: "FD00:0::1", End: "fd00::00FF", DefaultGateway: "FD00::1:0", Nameservers: []string{"fd00:0::2:1", "10.0.0.1"},
		Excluded: []string{"fd00::8-fd00::9", "FD00::7"},
	}
	if !a.Equal(b) || b.Excluded[1] != "FD00::7" {
		t.Errorf("%+v and %+v differ", a, b)
	}
	if b.Nameservers = []string{"10.0.0.1", "fd00::2:1"}; a.Equal(b) {
		t.Error("the order of nameservers counts")
	}
	if (record.IPPool{Subnet: "fd00::/64"}).Equal(record.IPPool{Subnet: "fd00::/65"}) {
		t.Error("two subnets are equal")
	}
}

func TestEqualIPPools(t *testing.T) {
	t.Parallel()
	seconds := int(record.DefaultReuseDelay / time.Second)
	a := record.IPPool{Name: "nodes", Excluded: []string{"10.0.0.2", "10.0.0.1"}}
	b := record.IPPool{Name: "nodes", Excluded: []string{"10.0.0.1", "10.0.0.2"}, ReuseDelaySeconds: &seconds}
	if !a.Equal(b) || !b.Equal(a) {
		t.Error("the same in another order is different")
	}
	if a.Excluded[0] != "10.0.0.2" {
		t.Error("comparing reorders what is compared")
	}
	b.Network = "dvpg"
	if a.Equal(b) {
		t.Error("another network is the same")
	}
}

func TestIPPoolWithoutNetworkMayServeAny(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pool, network string
		want          bool
	}{
		{"", "", true},
		{"", "/dc-1/network/dvpg", true},
		{"dvpg", "", true},
		{"dvpg", "/dc-1/network/dvpg", true},
		{"dvpg", "/dc-1/network/other", false},
	} {
		if got := (record.IPPool{Network: c.pool}).MayServe(c.network); got != c.want {
			t.Errorf("an IP pool of %q may serve %q: %v", c.pool, c.network, got)
		}
	}
}

// FuzzIPPool reads IP pools: what is read can be written and is the same.
func FuzzIPPool(f *testing.F) {
	f.Add([]byte(`{"name":"nodes","start":"10.0.0.1","end":"10.0.0.9","prefix_length":24,"reuse_delay_seconds":0}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body, again record.IPPool
		if json.Unmarshal(raw, &body) != nil {
			return
		}
		if body.ReuseDelay() < 0 {
			t.Fatalf("%s cools down for %s", raw, body.ReuseDelay())
		}
		written, err := json.Marshal(body)
		must(t, err)
		must(t, json.Unmarshal(written, &again))
		addresses, err := body.Addresses()
		addresses2, err2 := again.Addresses()
		if (err == nil) != (err2 == nil) || !body.Equal(again) {
			t.Fatalf("%s is %+v (%v), and written as %s it is %+v (%v)", raw, body, err, written, again, err2)
		}
		if addresses.Range() != addresses2.Range() || addresses.Prefix != addresses2.Prefix {
			t.Fatalf("%s has the addresses %+v, and written as %s %+v", raw, addresses, written, addresses2)
		}
	})
}
