package ledger_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// ordinary is a cluster of three control-plane and a hundred worker nodes, some
// of which are just being made.
func ordinary() ledger.ClusterBody {
	b := ledger.ClusterBody{
		ID: uuid.NewString(), Kind: "cluster", Ready: true, Done: true, Datacenter: "dc-1", Folder: "k8s/prod-1",
		Folders: []string{"k8s", "k8s/prod-1"}, VIP: netip.MustParseAddr("10.10.183.1"),
		Counters: map[string]int{"cp": 4, "general": 103}, Pending: map[string][]int{"general": {101, 102}},
		Pools: []string{uuid.NewString()}, Parents: []string{uuid.NewString(), uuid.NewString()},
	}
	return b
}

func TestOrdinaryClusterFitsOneTag(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(ordinary())
	must(t, err)
	if len(raw) >= ledger.MaxDescription {
		t.Errorf("the body has %d bytes: %s", len(raw), raw)
	}
}

func TestClusterBodiesReadBack(t *testing.T) {
	t.Parallel()
	text := rapid.SampledFrom([]string{"", "x", "dc-1", "Größe <&>", `a"b\c`, "=x", "=", "AAAAAAAAAAAAAAAAAAAAAA"})
	id := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{uuid.NewString(), "not-a-uuid", "=odd", "D94AB10C-5E2A-4B57-9E2E-3B21F31F2D5B", "AAAAAAAAAAAAAAAAAAAAAA"}).Draw(t, "id")
	})
	folders := rapid.SampledFrom([][]string{nil, {"k8s"}, {"k8s", "k8s/prod"}, {"k8s/prod"}, {"k8s", "other"}, {"", "k8s", "k8s/prod"}})
	rapid.Check(t, func(t *rapid.T) {
		want := ledger.ClusterBody{
			ID: id.Draw(t, "id"), Kind: rapid.SampledFrom([]string{"cluster", "gateway"}).Draw(t, "kind"), Ready: rapid.Bool().Draw(t, "ready"),
			Done:       rapid.Bool().Draw(t, "done"),
			Datacenter: text.Draw(t, "datacenter"), Folder: rapid.SampledFrom([]string{"", "k8s/prod", "k8s"}).Draw(t, "folder"),
			Folders: folders.Draw(t, "folders"),
			VIP:     rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}).Draw(t, "vip"),
			Pools:   rapid.SliceOfN(id, 0, 3).Draw(t, "pools"), Parents: rapid.SliceOfN(id, 0, 3).Draw(t, "parents"),
		}
		for _, pool := range rapid.SliceOfNDistinct(text, 0, 3, rapid.ID[string]).Draw(t, "names") {
			if want.Counters == nil {
				want.Counters, want.Pending = map[string]int{}, map[string][]int{}
			}
			want.Counters[pool] = rapid.IntRange(0, 5000).Draw(t, "counter")
			for n := range 60 {
				if rapid.IntRange(0, 3).Draw(t, "pending") > 0 {
					want.Pending[pool] = append(want.Pending[pool], n)
				}
			}
			if want.Pending[pool] == nil {
				delete(want.Pending, pool)
			}
		}
		if len(want.Pending) == 0 {
			want.Pending = nil
		}
		if len(want.Pools) == 0 {
			want.Pools = nil
		}
		if len(want.Parents) == 0 {
			want.Parents = nil
		}
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got ledger.ClusterBody
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s reads back as %+v, want %+v", raw, got, want)
		}
	})
}

func FuzzClusterBody(f *testing.F) {
	raw, err := json.Marshal(ordinary())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(raw), "{}", `{"p":{"a":"1-50,52"}}`, `{"p":{"a":"1-9223372036854775807"}}`, `{"p":{"a":"9223372036854775807"}}`, `{"p":{"a":"2,1"}}`, `{"p":{"a":"-1"}}`, `{"f":9,"o":"a/b"}`, `{"i":"=x","v":""}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body, again ledger.ClusterBody
		if json.Unmarshal(raw, &body) != nil {
			return
		}
		brief, err := json.Marshal(body)
		if err != nil {
			t.Fatalf("%s is read, and cannot be written: %v", raw, err)
		}
		if err := json.Unmarshal(brief, &again); err != nil {
			t.Fatalf("%s is written as %s, which cannot be read: %v", raw, brief, err)
		}
	})
}

func TestPoolBodyBecomesAPool(t *testing.T) {
	t.Parallel()
	raw := `{"name":"nodes","start":"10.10.183.1","end":"10.10.183.100","prefix_length":18,"default_gateway":"10.10.128.1","excluded":["10.10.183.5-10.10.183.9"],"restrict_to_single_cluster":true}`
	var body ledger.PoolBody
	must(t, json.Unmarshal([]byte(raw), &body))
	id := uuid.New()
	pool, err := body.Pool(id)
	must(t, err)
	if pool.ID != id || pool.Name != "nodes" || !pool.SingleCluster || pool.Total() != 95 {
		t.Errorf("the pool is %+v with %d addresses", pool, pool.Total())
	}
	if again, err := json.Marshal(body); err != nil || string(again) != raw {
		t.Errorf("the body is written as %s (%v)", again, err)
	}
	subnet, err := ledger.PoolBody{Name: "nodes", Subnet: "10.10.183.64/26"}.Pool(id)
	must(t, err)
	if subnet.Total() != 62 {
		t.Errorf("the subnet has %d addresses", subnet.Total())
	}
	var field *ipam.FieldError
	if _, err := (ledger.PoolBody{Start: "x"}).Pool(id); !errors.As(err, &field) {
		t.Errorf("the error is %v, want an *ipam.FieldError", err)
	}
}

func TestIDsAreUUIDv5(t *testing.T) {
	t.Parallel()
	l, _ := join(nil)
	pool := l.ID(ledger.KindPool, "", "nodes")
	for i := range 50 {
		id := l.ID(ledger.KindPool, "", fmt.Sprint(i))
		if id.Version() != 5 || id.Variant() != uuid.RFC4122 || id == pool {
			t.Errorf("%s is no UUIDv5", id)
		}
	}
}
