// Package ledger keeps Gantry's records, address claims and locks as tags of
// one vSphere tag category. vCenter creates a tag only if its id and its name
// are new, and stores a description in the same call: an atomic
// create-if-absent with metadata. Everything here is built from that one call;
// updates and deletes are unconditional, so nothing relies on them for mutual
// exclusion.
//
// # Tags
//
// Each tag's id is a UUIDv5, so that one list call, which returns ids only,
// shows which tags exist. <record> and <pool> are the ids of records; <index>
// is derived from the vCenter, <folder> from the vCenter and the reference of a VM
// folder.
//
//	what         name                              id derived from                description
//	record       <kind>:<gateway or ->/<name>      vCenter, kind, gateway, name   the body, or its beginning and where the chunks are
//	chunk        <record>+<generation>.<k>         record, generation, k          a part of a long body
//	child        <record>@<k>                      record, slot k                 the child's reference
//	folder's     <folder>@<k>                      folder, slot k                 the reference of a cluster that uses it
//	index        <index>@<k>                       index, slot k                  an IP pool's id
//	claim        <pool>/<address>                  pool, address                  cluster, node or role, since when
//	cool-down    <pool>/<address>!cooldown         pool, address                  last cluster, since when
//	reservation  <pool>/!cluster                   pool                           cluster, since when
//	lock         <record>#<epoch> <nonce>          record, epoch                  state, holder, heartbeat
//
// Descriptions stay under 255 bytes; all but those of chunks, children and the
// index are JSON. Package record has the references and bodies of records.
//
// # Order of calls
//
// A run that changes something calls
//
//	Lock, Snapshot, OwnedBy (to find what an earlier run claimed and did not use),
//	Register, Claim ..., UpdateRecord ..., with Lease.Check before each change,
//	Lease.Release
//
// and a run that destroys
//
//	Lock, Snapshot, OwnedBy, Release ..., ReleaseReservation, Unregister, Lease.Release.
//
// Claim returns the same address to the same owner as long as the snapshot
// knows of the earlier claim: made through the same snapshot, found by OwnedBy,
// or learned by Snapshot.Learn. A run that skips OwnedBy may claim a second
// address for an owner whose first claim it does not know; it never gets an
// address that another owner has.
//
// # Cool-downs
//
// Release creates an address's cool-down tag before it deletes the claim, and
// Claim deletes the cool-down tag after the claim stands: wherever a run is
// killed, the address is claimed, or cools down, or is free. A cool-down tag
// beside a claim means nothing; the next release writes over it. Addresses that
// cool down count as free: they are picked when no other address is left, by
// their last cluster at once, by others once ReuseDelay has passed on vCenter's
// clock. A cool-down is a courtesy to switches and neighbours that remember the
// last holder, and nothing relies on it: a run whose list is less than a minute
// old may claim an address that was claimed and released since, a cool-down that
// cannot be read has expired, and ClaimAddress ignores it.
//
// # Relations
//
// Register notes a record at its gateway, and an IP pool in the index, before it
// creates the record; Unregister deletes the notes after it. What a killed run
// leaves are notes of nothing, which readers skip.
//
// # VM folders
//
// Clusters that use a VM folder which Gantry made are noted at it, the one that made it
// first. A cluster notes itself, and then looks for the folder's lock, which it waits
// for, and for the folder. One that leaves takes the lock, and then reads the notes:
// where there is only its own, it deletes the folder and then the note. Whichever comes
// second sees the other, so that no folder is deleted while another cluster begins to
// use it, and the last one deletes it.
//
// # Images
//
// A node image that is imported has a record for each datacenter, whose lock is held
// for as long as the import takes: LockImage waits for it without a limit. Who uses an
// image is noted nowhere: the markers of VMs say from which template they were cloned.
//
// # Newer versions
//
// A record whose body has a newer schema version is a *record.NewerError for who
// wants that record, and keeps no other from being read. It is never written
// over or deleted. Whatever the version, a record's tag has the name and the
// first bytes of the body as this package writes them.
//
// # Edits by hand
//
// An IP pool's record that was deleted: IPPools leaves it out; its claims stand,
// and are released as ever. A claim that was deleted: its owner claims the
// address again, by ClaimAddress or after Learn, and fails if it is another's by
// then. A claim or reservation whose description was edited belongs to
// UnknownCluster: the address is neither issued nor released until the tag is
// deleted. A child whose note was edited still keeps its parent from being
// unregistered. A record whose description, chunk or name was edited is a
// *DamagedError for who wants that record, and keeps no other from being read;
// UpdateRecord writes all but the name again. A tag that is none of the ledger's
// is a stray: it counts towards MaxClaims, and Entries returns it.
//
// # Locks
//
// The highest epoch tag of a record is its lock. It is held, or free after its
// holder has released it. To take it, a run creates the tag of the next epoch,
// which only one can, then reads again: if the old tag has changed, its holder
// is alive, and the new tag is withdrawn. A holder writes its heartbeat and after
// that reads the next epoch. Whichever comes second sees the other.
//
// Predecessors are deleted in ascending order and only behind a verified
// successor. A holder that finds its own tag, by the nonce in its name, after
// it found no next epoch therefore knows that no run took over in between.
//
// A released lock stays behind as a free tag while its record exists, so that
// epochs go up: a request that a dead run sent long ago can never hit the tag
// of a later holder. For the same reason a holder that does not know the outcome
// of its heartbeat moves on to the next epoch. Once the record is unregistered,
// its lock tags are deleted.
//
// A lease counts as held for 30 s after the last successful heartbeat was begun,
// by the holder's own clock; others wait until the heartbeat is 60 s old by
// vCenter's clock. The difference is what a single call may take. The clocks
// are never compared with each other; vCenter's must not jump ahead.
//
// # Calls
//
// A lock that no run has held takes 4 calls (list, clock, create, list); one that
// was released 7, since its tag is read before and after and deleted in the end; each 1
// less where this process has listed the ledger a moment ago, as for a plan.
// Giving it back takes 1, while the last heartbeat is recent, and 1 more where
// this run does not know whether the record exists. Each heartbeat takes 4. A
// claim takes 1, a release 3.
package ledger
