package vsphere_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// Not parallel: it changes how every client of the process reads.
func TestPagesAreReadToTheEnd(t *testing.T) {
	v := start(t)
	whole, err := v.client.Datacenters(t.Context())
	v.must(err)
	defer vsphere.SetPageSize(3)()
	calls := v.calls(func() {
		paged, err := v.client.Datacenters(t.Context())
		v.must(err)
		if asJSON(t, paged) != asJSON(t, whole) {
			t.Fatalf("in pages: %s\nat once: %s", asJSON(t, paged), asJSON(t, whole))
		}
	})
	if calls.SOAP["ContinueRetrievePropertiesEx"] < 5 {
		t.Fatalf("calls %+v", calls)
	}
}
