package orphans

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// strandedTags finds tags that belong to nothing: parts and notes of records that
// are gone, and tags that are not Gantry's at all.
func (w *world) strandedTags() {
	locks, chunks, cooldowns := map[uuid.UUID]int{}, map[uuid.UUID]int{}, map[uuid.UUID]int{}
	for _, e := range w.entries {
		switch e.Kind {
		case ledger.EntryLock:
			w.count(locks, e)
		case ledger.EntryChunk:
			w.count(chunks, e)
		case ledger.EntryCooldown:
			if !w.registered(e.IPPool, record.KindIPPool) {
				cooldowns[e.IPPool]++
			}
		case ledger.EntryChild:
			w.strandedChild(e)
		case ledger.EntryIndex:
			if !w.registered(e.IPPool, record.KindIPPool) {
				w.harmless(e, "It lists an IP pool that is not registered.")
			}
		case ledger.EntryReservation:
			w.strandedReservation(e)
		case ledger.EntryStray:
			w.add(e.ID.String(), "tag", e.Name,
				"It is in the category gantry and is no tag of Gantry's in this vCenter: "+
					"created or renamed by hand, or copied from another vCenter.",
				"Delete it, or leave it: it is never treated as an address, and counts towards max_claims.")
		}
	}

	const tidy = "It does no harm; delete the tags of category gantry whose names begin like that to tidy up."
	for id, n := range locks {
		w.add(id.String(), "lock", id.String(), fmt.Sprintf("Lock tags of a record that is gone, which no run holds now: %d.", n), tidy)
	}
	for id, n := range chunks {
		w.add(id.String()+" parts", "tag", id.String()+"+", fmt.Sprintf("Tags that are parts of a record that is gone: %d.", n), tidy)
	}
	for pool, n := range cooldowns {
		w.add(pool.String()+" cooldowns", "tag", pool.String()+"/",
			fmt.Sprintf("Tags of addresses that cool down, of an IP pool that is not registered: %d.", n), tidy)
	}
}

// count counts a tag of a record that is gone and that no live run is about to
// create.
func (w *world) count(tags map[uuid.UUID]int, e ledger.Entry) {
	if w.records[e.Parent] == nil && !w.lockedByLiveRun[e.Parent] {
		tags[e.Parent]++
	}
}

// harmless reports a tag that does no harm.
func (w *world) harmless(e ledger.Entry, detail string) {
	w.add(e.ID.String(), "tag", e.Name, detail, "It does no harm. Delete the tag in the category gantry to tidy up.")
}

// strandedChild finds out about the note of a record at another one.
func (w *world) strandedChild(e ledger.Entry) {
	parent := w.records[e.Parent]
	switch {
	case parent == nil && (w.lockedByLiveRun[e.Parent] || w.usesFolder(e)):
	case parent == nil:
		w.harmless(e, fmt.Sprintf("It notes %s at a record that is gone, or at a VM folder that it does not use.", e.Child.Describe()))
	case e.Child.Kind == "":
		w.harmless(e, fmt.Sprintf("It notes %q at %s, which is not what Gantry writes.", e.Child.Name, parent.Record.Describe()))
	default:
		child := w.id(e.Child)
		// Its record is created after the note; a run that holds its lock may be about to.
		if w.records[child] != nil || w.lockedByLiveRun[child] {
			return
		}
		w.add(e.ID.String(), "tag", e.Name,
			fmt.Sprintf("It notes %s at %s, and there is no record of that.", e.Child.Describe(), parent.Record.Describe()),
			fmt.Sprintf("Delete the tag in the category gantry: it may keep %s from being destroyed.", parent.Record.Describe()))
	}
}

// usesFolder reports whether a note is that of a cluster at a VM folder that its record
// has, which is none itself; or of one that a live run works on.
func (w *world) usesFolder(e ledger.Entry) bool {
	child := w.id(e.Child)
	return w.lockedByLiveRun[child] || slices.ContainsFunc(w.bodies[child].Folders, func(f record.Folder) bool {
		return w.folderID(f.Ref) == e.Parent
	})
}

func (w *world) strandedReservation(e ledger.Entry) {
	if !w.registered(e.IPPool, record.KindIPPool) {
		w.harmless(e, fmt.Sprintf("It reserves IP pool %s, which is not registered.", e.IPPool))
		return
	}
	for _, claim := range w.entries {
		if claim.Kind == ledger.EntryClaim && claim.IPPool == e.IPPool && claim.Owner.Cluster == e.Owner.Cluster {
			return
		}
	}
	if e.Owner.Known() && (!w.gone(e.Owner.Cluster) || len(w.vms[e.Owner.Cluster]) > 0) {
		return
	}
	holder := "cluster " + e.Owner.Cluster.String()
	if !e.Owner.Known() {
		holder = "an unknown cluster"
	}
	w.add(e.Name, "reservation", w.poolName(e.IPPool),
		fmt.Sprintf("%s is reserved for %s%s, which holds none of its addresses and has neither a record nor a VM.",
			w.poolName(e.IPPool), holder, since(e.Since)),
		fmt.Sprintf("Delete the tag %q of category gantry: the next cluster gets the pool then.", e.Name))
}
