package vsphere_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Every control-plane VM carries the VIP and the extra: each is held once.
func TestAnAddressIsHeldOnceHoweverManyMarkersHaveIt(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	addresses := []string{"10.10.183.1", "10.10.183.2", "10.10.183.7", "10.10.183.8"}
	v.cloneOff(request(site, "prod-cp-1"))
	v.cloneOff(request(site, "prod-cp-2", func(r *model.CloneRequest) {
		r.Marker.Address = netip.MustParsePrefix("10.10.183.8/18")
	}))
	var held []string
	for _, h := range v.survey(nil).Held {
		held = append(held, h.Address.String())
	}
	slices.Sort(held)
	if !slices.Equal(held, addresses) {
		t.Errorf("held %q, want %q", held, addresses)
	}
}
