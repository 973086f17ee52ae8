package record_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ordinary is a cluster of three control-plane and a hundred worker nodes, some
// of which are just being made.
func ordinary() record.Cluster {
	return record.Cluster{
		ID:               uuid.New(),
		Kind:             record.KindCluster,
		APIReached:       true,
		CreationComplete: true,
		Datacenter:       "dc-1",
		Folder:           "k8s/prod-1",
		Folders:          []record.Folder{{Path: "k8s", Ref: "Folder:group-v1041"}, {Path: "k8s/prod-1", Ref: "Folder:group-v1042"}},
		Counters:         map[string]int{"cp": 4, "general": 103},
		Pending:          map[string][]int{"general": {101, 102}},
		IPPools:          []uuid.UUID{uuid.New()},
		Parents:          []uuid.UUID{uuid.New(), uuid.New()},
	}
}

func TestOrdinaryClusterFitsOneTag(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(ordinary())
	must(t, err)
	if len(raw) >= ledger.MaxDescription {
		t.Errorf("the body has %d bytes: %s", len(raw), raw)
	}
}

func TestClusterIsBrief(t *testing.T) {
	t.Parallel()
	cluster := record.Cluster{ID: uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"), Kind: record.KindCluster}
	raw, err := json.Marshal(cluster)
	must(t, err)
	if want := `{"i":"ABEiM0RVZneImaq7zN3u_w"}`; string(raw) != want {
		t.Errorf("the body is %s, want %s", raw, want)
	}
}

// drawCluster draws a cluster's body. Empty lists are nil, as they are read.
func drawCluster(t *rapid.T) record.Cluster {
	text := rapid.SampledFrom([]string{"", "x", "dc-1", "Größe <&>", `a"b\c`, "=x", "AAAAAAAAAAAAAAAAAAAAAA"})
	id := rapid.Custom(func(t *rapid.T) (id uuid.UUID) {
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		return id
	})
	ids := rapid.SliceOfN(id, 0, 3)
	paths := rapid.SampledFrom([][]string{nil, {"k8s"}, {"k8s", "k8s/prod"}, {"k8s/prod"}, {"k8s", "other"}, {"", "k8s", "k8s/prod"}})
	refs := rapid.SampledFrom([]string{"", "Folder:group-v12", "group-v12", ":", "Folder:", "Folder::"})
	var folders []record.Folder
	for _, path := range paths.Draw(t, "folders") {
		folders = append(folders, record.Folder{Path: path, Ref: refs.Draw(t, "reference")})
	}
	c := record.Cluster{
		ID:               id.Draw(t, "id"),
		Kind:             rapid.SampledFrom([]record.Kind{record.KindCluster, record.KindGateway}).Draw(t, "kind"),
		APIReached:       rapid.Bool().Draw(t, "API reached"),
		CreationComplete: rapid.Bool().Draw(t, "complete"),
		Degraded:         rapid.Bool().Draw(t, "degraded"),
		NeverRan:         rapid.Bool().Draw(t, "never ran"),
		Deleting:         rapid.Bool().Draw(t, "deleting"),
		Reset:            text.Draw(t, "reset"),
		Reconnect:        rapid.Bool().Draw(t, "reconnect"),
		Leases:           rapid.Bool().Draw(t, "leases"),
		Description:      text.Draw(t, "description"),
		Datacenter:       text.Draw(t, "datacenter"),
		Folder:           rapid.SampledFrom([]string{"", "k8s/prod", "k8s"}).Draw(t, "folder"),
		Folders:          folders,
		Deletion: record.Deletion{
			Progress: rapid.SampledFrom([]int64{0, 1, 1764380000}).Draw(t, "progress"), Left: rapid.IntRange(0, 3).Draw(t, "left"),
		},
		Builder:        record.Builder{Name: text.Draw(t, "builder"), VM: refs.Draw(t, "its VM")},
		Snapshots:      rapid.SampledFrom([][]string{nil, {"Datastore:datastore-1"}, {"Datastore:a", "Datastore:b"}}).Draw(t, "snapshots"),
		EncryptionKeys: rapid.SampledFrom([][]int{nil, {0, 1}, {3}, {0, 1, 2, 7}}).Draw(t, "encryption keys"),

		IPPools: append([]uuid.UUID(nil), ids.Draw(t, "IP pools")...),
		Parents: append([]uuid.UUID(nil), ids.Draw(t, "parents")...),
	}
	for range rapid.IntRange(0, 2).Draw(t, "name templates") {
		c.NameTemplates = append(c.NameTemplates, record.NameTemplate{
			Template: rapid.SampledFrom([]string{"", "{pool}{n}"}).Draw(t, "template"),
			From:     rapid.SampledFrom([]map[string]int{nil, {"cp": 4, "general": 103}}).Draw(t, "first nodes"),
		})
	}
	for _, name := range rapid.SliceOfNDistinct(text, 0, 2, rapid.ID[string]).Draw(t, "ranges") {
		if c.Ranges == nil {
			c.Ranges = map[string]record.AddressRange{}
		}
		ends := rapid.SampledFrom([][2]string{{"10.0.0.1", "10.0.0.9"}, {"fd00::1", "fd00::1"}}).Draw(t, "range")
		c.Ranges[name] = record.AddressRange{
			IPPool: id.Draw(t, "range's IP pool"), Start: netip.MustParseAddr(ends[0]), End: netip.MustParseAddr(ends[1]),
		}
	}
	if tags := rapid.MapOfN(text, text, 0, 3).Draw(t, "tags"); len(tags) > 0 {
		c.Tags = tags
	}
	for _, tag := range rapid.SliceOfNDistinct(id, 0, 2, rapid.ID[uuid.UUID]).Draw(t, "tags of VMs") {
		c.VMTags = append(c.VMTags, record.VMTag{
			ID: tag, Spelling: rapid.SampledFrom([]string{"", "0123ab"}).Draw(t, "spelling"),
			Others: rapid.SampledFrom([]map[string][]int{nil, {"cp": {1, 2, 5}}}).Draw(t, "others"),
		})
	}

	for range rapid.IntRange(0, 2).Draw(t, "VM groups") {
		c.VMGroups = append(c.VMGroups, record.VMGroup{
			ComputeCluster: rapid.SampledFrom([]string{"ClusterComputeResource:domain-c8", "ComputeResource:domain-s9"}).Draw(t, "compute cluster"),
			Name:           "a " + text.Draw(t, "VM group"),
			Others:         rapid.SampledFrom([]map[string][]int{nil, {"cp": {1, 2, 5}, "lb": {0}}}).Draw(t, "others in it"),
		})
	}

	for _, pool := range rapid.SliceOfNDistinct(text, 0, 3, rapid.ID[string]).Draw(t, "pools") {
		if c.Counters == nil {
			c.Counters = map[string]int{}
		}
		c.Counters[pool] = rapid.IntRange(0, 5000).Draw(t, "counter")
		var pending []int
		for n := range 60 {
			if rapid.IntRange(0, 3).Draw(t, "pending") > 0 {
				pending = append(pending, n)
			}
		}
		if pending == nil {
			continue
		}
		if c.Pending == nil {
			c.Pending = map[string][]int{}
		}
		c.Pending[pool] = pending
		if rapid.Bool().Draw(t, "unresponsive") {
			c.Unresponsive = map[string][]int{pool: pending}
		}
		if rapid.Bool().Draw(t, "restarted") {
			c.Restarted = map[string][]int{pool: pending}
		}
	}
	return c
}

func TestClustersReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawCluster(t)
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got record.Cluster
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s reads back as %+v, want %+v", raw, got, want)
		}
	})
}

func TestClusterWithoutItsIDIsRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{}`, `{"i":null}`, `{"i":""}`, `{"i":"prod"}`, `{"i":"ABEiM0RVZneImaq7zN3u_x"}`, `{"i":7}`} {
		var c record.Cluster
		if err := json.Unmarshal([]byte(raw), &c); err == nil {
			t.Errorf("%s is read as %+v", raw, c)
		}
	}
}

func FuzzCluster(f *testing.F) {
	raw, err := json.Marshal(ordinary())
	if err != nil {
		f.Fatal(err)
	}
	const id = `{"i":"ABEiM0RVZneImaq7zN3u_w",`
	for _, seed := range []string{
		string(raw), "{}", `{"i":"=x","v":""}`, id + `"p":{"a":"1-50,52"}}`, id + `"p":{"a":"1-9223372036854775807"}}`,
		id + `"p":{"a":"9223372036854775807"}}`, id + `"p":{"a":"2,1"}}`, id + `"p":{"a":"-1"}}`,
		id + `"f":9,"o":"a/b"}`, id + `"f":1,"o":"a/b","g":["group-v7","x"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body, again record.Cluster
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
