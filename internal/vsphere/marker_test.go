package vsphere_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

func TestMarkersAreDecoded(t *testing.T) {
	t.Parallel()
	const identity = `"cluster":"11111111-2222-4333-8444-555555555555","node":"n-1"`
	address := netip.MustParsePrefix("10.0.0.7/24")
	for name, test := range map[string]struct {
		raw        string
		want       model.Marker
		none       bool
		understood bool
	}{
		"of this version": {
			raw: `{"schema":1,` + identity + `,"role":"worker","address":"10.0.0.7/24","ip_pool":"66666666-7777-4888-8999-aaaaaaaaaaaa"}`,
			want: model.Marker{
				SchemaVersion: 1, Cluster: clusterID, Node: "n-1", Role: model.RoleWorker, Address: address, IPPool: ipPoolID,
			},
			understood: true,
		},
		"of an unknown role": {
			raw:  `{"schema":1,` + identity + `,"role":"load-balancer","address":"10.0.0.7/24"}`,
			want: model.Marker{SchemaVersion: 1, Cluster: clusterID, Node: "n-1", Role: "load-balancer", Address: address},
		},
		"without a role": {
			raw:  `{"schema":1,` + identity + `}`,
			want: model.Marker{SchemaVersion: 1, Cluster: clusterID, Node: "n-1"},
		},
		"newer, with more": {
			raw:  `{"schema":2,` + identity + `,"role":"worker","address":"10.0.0.7/24","color":["red"]}`,
			want: model.Marker{SchemaVersion: 2, Cluster: clusterID, Node: "n-1", Role: model.RoleWorker, Address: address},
		},
		"newer, with fields of other types": {
			raw: `{"schema":3,"cpu":{"cores":4},"vip":["10.0.0.1"],"role":7,` + identity +
				`,"address":"10.0.0.7/24","ip_pool":"66666666-7777-4888-8999-aaaaaaaaaaaa","ordinal":4}`,
			want: model.Marker{
				SchemaVersion: 3, Cluster: clusterID, Node: "n-1", Address: address, IPPool: ipPoolID, Ordinal: 4,
			},
		},
		"newer, with an address of another form": {
			raw:  `{"schema":2,` + identity + `,"address":{"ip":"10.0.0.7"}}`,
			want: model.Marker{SchemaVersion: 2, Cluster: clusterID, Node: "n-1"},
		},
		"newer, without a node": {
			raw:  `{"schema":2,"cluster":"11111111-2222-4333-8444-555555555555","memory_gb":"8"}`,
			want: model.Marker{SchemaVersion: 2, Cluster: clusterID},
		},
		"newer, without a cluster":         {raw: `{"schema":2,"node":"n-1","memory_gb":"8"}`, none: true},
		"of this version, without a node":  {raw: `{"schema":1,"cluster":"11111111-2222-4333-8444-555555555555"}`, none: true},
		"of this version, and not decoded": {raw: `{"schema":1,` + identity + `,"address":7}`, none: true},
		"of no version":                    {raw: `{` + identity + `,"address":7}`, none: true},
		"not an object":                    {raw: `[2]`, none: true},
		"not JSON":                         {raw: `schema 2`, none: true},
		"empty":                            {raw: "", none: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := vsphere.DecodeMarker(test.raw)
			if ok == test.none {
				t.Fatalf("a marker: %v", ok)
			}
			if !test.none && (got != test.want || got.Understood() != test.understood) {
				t.Errorf("marker %+v, understood %v; want %+v", got, got.Understood(), test.want)
			}
		})
	}
}

// What a newer Gantry created must not be overlooked: it is refused, and its
// addresses are in use.
func TestMachinesOfANewerGantryAreSurveyed(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	ref := v.clone(request(site, "prod-cp-1"))
	other := v.clone(request(site, "prod-lb-1", func(r *model.CloneRequest) { r.Marker.Role = "load-balancer" }))
	v.setOption(ref, "gantry.node", `{"schema":2,"cluster":"`+clusterID.String()+`","node":"prod-cp-1","role":"control-plane",`+
		`"cpu":"4","address":"10.10.183.7/18","ip_pool":"`+ipPoolID.String()+`"}`)

	survey := v.survey(nil)
	got := map[string]model.Marker{}
	for _, m := range survey.Machines {
		got[m.Ref] = m.Marker
	}
	if len(got) != 2 || got[ref].Understood() || got[other].Understood() {
		t.Fatalf("machines %+v, want two that are not understood", survey.Machines)
	}
	if m := got[ref]; m.Node != "prod-cp-1" || m.Address != netip.MustParsePrefix("10.10.183.7/18") || m.IPPool != ipPoolID {
		t.Errorf("marker %+v", m)
	}
	held := model.Holding{IPPool: ipPoolID, Address: netip.MustParseAddr("10.10.183.7"), Cluster: clusterID, Node: "prod-cp-1"}
	if !slices.Contains(survey.Held, held) {
		t.Errorf("held %+v lacks %+v", survey.Held, held)
	}

	// Other clusters see no more of them than their addresses.
	others, err := v.client.Survey(t.Context(), model.SurveyRequest{Cluster: uuid.New()})
	v.must(err)
	if len(others.Machines) > 0 || !slices.Contains(others.Held, held) {
		t.Errorf("machines %+v, held %+v", others.Machines, others.Held)
	}
}

// A copy of a VM in which an image is built is whose it is that has made it: no run deletes it.
func TestCopyOfAVMOfAnImageIsNone(t *testing.T) {
	t.Parallel()
	if !vsphere.BuildsImage("one", "one") || vsphere.BuildsImage("another", "one") {
		t.Error("a copy counts as the VM, or the VM as a copy")
	}
}
