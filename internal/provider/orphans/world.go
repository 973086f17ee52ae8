package orphans

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// alive is how old the heartbeat of a run may be that is still at work.
const alive = time.Minute

// orphan is one finding as users read it.
type orphan struct {
	Kind     string `tfsdk:"kind"`
	Name     string `tfsdk:"name"`
	Detail   string `tfsdk:"detail"`
	WhatToDo string `tfsdk:"what_to_do"`
}

// finding is an orphan with what tells it from others of the same name.
type finding struct {
	orphan
	key string
}

// world is what one look saw.
type world struct {
	entries  []ledger.Entry
	machines []vsphere.MarkedMachine
	folder   func(datacenter, path string) (string, bool)
	id       func(record.Ref) uuid.UUID

	records map[uuid.UUID]*ledger.Entry
	// bodies are those of clusters and gateways, by their records' ids.
	bodies map[uuid.UUID]record.Cluster
	// clusters are the ids of registered clusters and gateways.
	clusters map[string]bool
	// blind tells that the record of a cluster can't be read: then nobody knows
	// what belongs to it, and nothing counts as an orphan for want of a cluster.
	blind bool
	// manned are the records that a run which is alive has locked.
	manned map[uuid.UUID]bool
	// listed are the pools that are noted among all pools.
	listed map[uuid.UUID]bool
	// vms are the paths of the VMs of each cluster id.
	vms map[string][]string

	found []finding
}

func newWorld(entries []ledger.Entry, machines []vsphere.MarkedMachine, now time.Time) *world {
	w := &world{
		entries: entries, machines: machines,
		records: map[uuid.UUID]*ledger.Entry{}, bodies: map[uuid.UUID]record.Cluster{},
		clusters: map[string]bool{}, manned: map[uuid.UUID]bool{}, listed: map[uuid.UUID]bool{}, vms: map[string][]string{},
	}
	for i, e := range entries {
		switch e.Kind {
		case ledger.EntryRecord:
			w.records[e.ID] = &entries[i]
			w.addRecord(e)
		case ledger.EntryIndex:
			w.listed[e.IPPool] = true
		case ledger.EntryLock:
			if e.Held && now.Sub(e.Heartbeat) < alive {
				w.manned[e.Parent] = true
			}
		}
	}
	for _, m := range machines {
		id := m.Cluster.String()
		w.vms[id] = append(w.vms[id], m.Path)
	}
	return w
}

func (w *world) addRecord(e ledger.Entry) {
	switch e.Record.Kind {
	case record.KindGateway:
		w.clusters[e.ID.String()] = true // that is a gateway's id
	case record.KindCluster:
	default:
		return
	}
	body, err := e.Record.Cluster()
	if err != nil {
		w.blind = w.blind || e.Record.Kind == record.KindCluster
		return
	}
	w.bodies[e.ID], w.clusters[body.ID.String()] = body, true
}

// gone tells whether a cluster id is known to be nobody's.
func (w *world) gone(cluster string) bool { return !w.blind && !w.clusters[cluster] }

// registered tells whether there is a record of that id and kind.
func (w *world) registered(id uuid.UUID, kind record.Kind) bool {
	e := w.records[id]
	return e != nil && e.Record.Kind == kind
}

func (w *world) add(key, kind, name, detail, whatToDo string) {
	w.found = append(w.found, finding{orphan{kind, name, detail, whatToDo}, kind + " " + key})
}

// orphans looks at everything.
func (w *world) orphans() []finding {
	w.strandedMachines()
	w.unfinished()
	w.strandedClaims()
	w.strandedTags()
	slices.SortFunc(w.found, func(a, b finding) int {
		return slices.Compare([]string{a.Kind, a.Name, a.Detail, a.key}, []string{b.Kind, b.Name, b.Detail, b.key})
	})
	return slices.CompactFunc(w.found, func(a, b finding) bool { return a.key == b.key })
}

// both are the findings of a second look that the first one had too.
func both(first, second []finding) []finding {
	had := map[string]bool{}
	for _, f := range first {
		had[f.key] = true
	}
	return slices.DeleteFunc(second, func(f finding) bool { return !had[f.key] })
}

// kindColumn is a kind of record as the data source spells it.
func kindColumn(kind record.Kind) string {
	switch kind {
	case record.KindIPPool:
		return "pool"
	case record.KindCloudAccount:
		return "account"
	}
	return string(kind)
}
