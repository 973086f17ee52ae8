package observe

import (
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// withoutLent leaves out the extras that are nodes' own addresses by now: a rolled control
// plane's extra moves on, and the markers of older nodes name former ones.
func withoutLent(held []model.Holding) []model.Holding {
	type place struct {
		cluster uuid.UUID
		address address
	}
	nodes := map[place]bool{}
	for _, h := range held {
		if h.Node != model.OwnerExtra {
			nodes[place{h.Cluster, address{h.IPPool, h.Address}}] = true
		}
	}
	lent := func(h model.Holding) bool {
		return h.Node == model.OwnerExtra && nodes[place{h.Cluster, address{h.IPPool, h.Address}}]
	}
	if !slices.ContainsFunc(held, lent) {
		return held // shared with other resources
	}
	return slices.DeleteFunc(slices.Clone(held), lent)
}

// knownExtra is the extra as the newest control-plane node's marker names it. It is not
// valid where that can't be relied on, because a newer node, or a node that lives on the
// address, may be out of sight: then the claims themselves are read.
func (w *World) knownExtra() netip.Addr {
	const pool = model.ControlPlanePool
	var newest model.Marker
	seen := map[string]bool{}
	for _, m := range w.Facts.Machines {
		seen[m.Marker.Node] = true
		if m.Marker.ControlPlane() && m.Marker.Ordinal > newest.Ordinal {
			newest = m.Marker
		}
	}
	names := slices.Clone(w.Facts.Unreadable)
	for name := range w.Facts.API.Nodes {
		names = append(names, name)
	}
	for _, m := range w.Facts.Unseen {
		names = append(names, m.Node)
	}
	for _, m := range w.Facts.Gone {
		names = append(names, m.Node)
	}
	of := model.NamesOf(w.cluster, "", &w.Facts, nil)
	hidden := slices.ContainsFunc(names, func(name string) bool {
		return !seen[name] && of.Ordinal(pool, name) > 0
	})
	if hidden || !w.Facts.Record.Found || newest.Ordinal != w.Facts.Record.Counters[pool]-1 {
		return netip.Addr{}
	}
	return newest.Extra
}
