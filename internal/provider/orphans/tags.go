package orphans

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// strandedTags finds what hangs on nothing: parts and notes of records that are
// gone, and tags that are not Gantry's at all.
func (w *world) strandedTags() {
	locks, chunks, rests := map[uuid.UUID]int{}, map[uuid.UUID]int{}, map[uuid.UUID]int{}
	for _, e := range w.entries {
		switch e.Kind {
		case ledger.EntryLock:
			if w.records[e.Parent] == nil && !w.manned[e.Parent] {
				locks[e.Parent]++
			}
		case ledger.EntryChunk:
			if w.records[e.Parent] == nil && !w.manned[e.Parent] {
				chunks[e.Parent]++
			}
		case ledger.EntryCooldown:
			if !w.registered(e.IPPool, record.KindIPPool) {
				rests[e.IPPool]++
			}
		case ledger.EntryChild:
			w.strandedChild(e)
		case ledger.EntryIndex:
			if !w.registered(e.IPPool, record.KindIPPool) {
				w.tag(e, "It keeps the place of an IP pool that is registered nowhere.")
			}
		case ledger.EntryReservation:
			w.strandedReservation(e)
		case ledger.EntryStray:
			w.add(e.ID.String(), "tag", e.Name, "It is in the category gantry and is no tag of Gantry's in this vCenter: made or renamed by hand, or copied from another vCenter.",
				"Delete it, or leave it: it is never taken for an address, and counts as one of max_claims.")
		}
	}
	const harmless = "It does no harm; delete the tags of category gantry whose names begin like that to tidy up."
	for record, n := range locks {
		w.add(record.String(), "lock", record.String(), fmt.Sprintf("%d lock tags of a record that is gone, which nobody holds now.", n), harmless)
	}
	for record, n := range chunks {
		w.add(record.String()+" parts", "tag", record.String()+"+", fmt.Sprintf("%d tags are parts of a record that is gone.", n), harmless)
	}
	for pool, n := range rests {
		w.add(pool.String()+" rests", "tag", pool.String()+"/", fmt.Sprintf("%d tags are of addresses that rest, of an IP pool that is registered nowhere.", n), harmless)
	}
}

// tag reports a tag that does no harm.
func (w *world) tag(e ledger.Entry, detail string) {
	w.add(e.ID.String(), "tag", e.Name, detail, "It does no harm. Delete the tag in the category gantry to tidy up.")
}

func (w *world) strandedChild(e ledger.Entry) {
	parent := w.records[e.Parent]
	if parent == nil {
		if !w.manned[e.Parent] {
			w.tag(e, fmt.Sprintf("It notes %q at a record that is gone.", e.Description))
		}
		return
	}
	if e.Child.Kind == "" {
		w.tag(e, fmt.Sprintf("It notes %q at %s, which is nothing that Gantry notes.", e.Description, parent.Record.Describe()))
		return
	}
	// Its record comes after it; a run that holds its lock is about to make it.
	child := w.id(e.Child)
	if w.records[child] != nil || w.manned[child] {
		return
	}
	w.add(e.ID.String(), "tag", e.Name, fmt.Sprintf("It notes %s at %s, and there is no record of that.", e.Child.Describe(), parent.Record.Describe()),
		fmt.Sprintf("Delete the tag in the category gantry: it may keep %s from being destroyed.", parent.Record.Describe()))
}

func (w *world) strandedReservation(e ledger.Entry) {
	if !w.registered(e.IPPool, record.KindIPPool) {
		w.tag(e, fmt.Sprintf("It reserves IP pool %s, which is registered nowhere.", e.IPPool))
		return
	}
	for _, claim := range w.entries {
		if claim.Kind == ledger.EntryClaim && claim.IPPool == e.IPPool && claim.Owner.Cluster == e.Owner.Cluster {
			return
		}
	}
	if e.Owner.Known() && (!w.gone(e.Owner.Cluster.String()) || len(w.vms[e.Owner.Cluster.String()]) > 0) {
		return
	}
	who := "cluster " + e.Owner.Cluster.String()
	if !e.Owner.Known() {
		who = "nobody that can be read"
	}
	w.add(e.Name, "reservation", w.poolWords(e.IPPool), fmt.Sprintf("%s is reserved for %s%s, which holds none of its addresses and has neither a record nor a VM.", w.poolWords(e.IPPool), who, since(e.Since)),
		fmt.Sprintf("Delete the tag %q of category gantry: the next cluster gets the pool then.", e.Name))
}
