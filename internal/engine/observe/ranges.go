package observe

import (
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// recordedRanges takes over the claims of the ranges that the record has, without reading
// each, and adds them to those that are accounted for.
func (w *World) recordedRanges(marked map[address]bool) {
	rec := w.Facts.Record
	if !rec.Found || rec.ID != w.ID {
		return
	}
	for _, r := range rec.Ranges {
		for _, claim := range model.RecordedClaims(r) {
			at := address{claim.IPPool, claim.Address}
			if !marked[at] && w.Snapshot.Has(claim.IPPool, claim.Address) {
				marked[at] = true
				w.Facts.Claims = append(w.Facts.Claims, claim)
			}
		}
	}
}

// takenOfRanges are the addresses of the ranges of a pool that others than these ranges have,
// but for those of what does not count.
func (w *World) takenOfRanges(pool uuid.UUID, ranges []model.ReservedRange, former map[netip.Addr]bool) []netip.Addr {
	var taken []netip.Addr
	for _, r := range ranges {
		if r.IPPoolID != pool {
			continue
		}
		for _, claim := range r.Claims() {
			if w.Snapshot.Has(pool, claim.Address) && !former[claim.Address] && !slices.Contains(w.Facts.Claims, claim) {
				taken = append(taken, claim.Address)
			}
		}
	}
	return taken
}
