package vsphere_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

func TestCensusFindsWhatIsMarked(t *testing.T) {
	t.Parallel()
	v := start(t)
	dc := v.site().Datacenter
	one := uuid.MustParse("11111111-0000-4000-8000-000000000000")
	two := uuid.MustParse("22222222-0000-4000-8000-000000000000")
	clone := func(folder, name string, cluster uuid.UUID) string {
		_, err := v.createFolder(dc, folder)
		v.must(err)
		site := v.site(func(n *model.Names) { n.Folder = folder })
		return v.clone(request(site, name, func(r *model.CloneRequest) { r.Marker.Cluster = cluster }))
	}
	clone("k8s/one", "one-cp-1", one)
	off := clone("k8s/one", "one-cp-2", one)
	clone("k8s/both", "one-cp-3", one)
	clone("k8s/both", "two-cp-1", two)
	clone("k8s/two", "two-cp-2", two)
	_, err := v.createFolder(dc, "k8s/two/inner")
	v.must(err)
	v.done(v.client.PowerOff(t.Context(), off))

	var census *vsphere.Census
	calls := v.calls(func() {
		census, err = v.client.Census(t.Context())
		v.must(err)
	})
	if calls.Total != 1 {
		t.Errorf("a census took %d calls: %+v", calls.Total, calls)
	}
	type seen struct {
		path    string
		cluster uuid.UUID
		folder  string
		on, own bool
	}
	var got []seen
	for _, m := range census.Machines {
		got = append(got, seen{m.Path, m.Cluster, m.Folder, m.PoweredOn, m.OwnFolder})
		if len(m.Holdings) != 3 || m.Holdings[0].Node != m.Node || !m.Understood {
			t.Errorf("%s holds %+v, want its address, the VIP and the extra", m.Node, m.Holdings)
		}
	}
	const k8s = "/dc-1/vm/k8s/"
	want := []seen{
		{k8s + "both/one-cp-3", one, k8s + "both", true, false},
		{k8s + "both/two-cp-1", two, k8s + "both", true, false},
		{k8s + "one/one-cp-1", one, k8s + "one", true, true},
		{k8s + "one/one-cp-2", one, k8s + "one", false, true},
		{k8s + "two/two-cp-2", two, k8s + "two", true, false},
	}
	if !slices.Equal(got, want) {
		t.Errorf("the census has\n%+v, want\n%+v", got, want)
	}
	for path, want := range map[string]string{"k8s/two": k8s + "two", "k8s/three": "", "": "", "k8s/one/one-cp-1": ""} {
		if full, ok := census.Folder("dc-1", record.Folder{Path: path}); full != want || ok != (want != "") {
			t.Errorf("folder %q is %q, %v; want %q", path, full, ok, want)
		}
	}
	if _, ok := census.Folder("dc-9", record.Folder{Path: "k8s"}); ok {
		t.Error("a folder was found in a datacenter that does not exist")
	}
}
