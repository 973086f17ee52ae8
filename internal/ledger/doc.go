// Package ledger keeps Gantry's records, address claims and locks as tags of
// one vSphere tag category. vCenter creates a tag only if its id and its name
// are new, and stores a description in the same call: an atomic
// create-if-absent with metadata. Everything here is built from that one call;
// updates and deletes carry no version, so nothing relies on them for mutual
// exclusion.
//
// # Tags
//
// Each tag's id is a UUIDv5, so that one list call, which answers ids only,
// tells what is there. <record> and <pool> are the ids of records.
//
//	what         name                              id derived from         description
//	record       <kind>:<gateway or ->/<name>      vCenter, kind, gateway, name   its body, or where the chunks are
//	chunk        <record>+<generation>.<k>         record, generation, k   a part of a long body
//	child        <parent>@<k>                      parent, slot k          the child
//	claim        <pool>/<address>                  pool, address           cluster, node, since when
//	reservation  <pool>/!cluster                   pool                    cluster, since when
//	lock         <record>#<epoch> <nonce>          record, epoch           state, holder, heartbeat
//
// Descriptions stay under 255 bytes; all but those of chunks and children are
// JSON.
//
// # Order of calls
//
// A run that changes something goes
//
//	Lock, Taken, OwnedBy (to find what an earlier run claimed and did not use),
//	Register, Claim ..., UpdateRecord ..., with Lease.Check before each change,
//	Lease.Release
//
// and a run that destroys
//
//	Lock, Taken, OwnedBy, Release ..., ReleaseReservation, Unregister, Lease.Release.
//
// Claim answers the same address to the same owner as long as the snapshot
// knows of the earlier claim: made through the same snapshot, found by OwnedBy,
// or told by Snapshot.Learn. A run that skips OwnedBy may claim a second
// address for an owner whose first claim nobody remembers; it never gets an
// address that another owner has.
//
// # Locks
//
// The highest epoch tag of a record is its lock. A lock is held, or free (its
// holder released it), or dirty (its holder failed and says so). To take it, a
// runner creates the tag of the next epoch, which only one can, then looks
// again: if the old tag has moved, its holder is alive, and the new tag is
// withdrawn. A holder writes its heartbeat and after that looks for the next
// epoch. Whichever comes second sees the other.
//
// Predecessors are deleted in ascending order and only behind a verified
// successor. A holder that finds its own tag, by the nonce in its name, after
// it found no next epoch therefore knows that nobody took over in between.
//
// A released lock stays behind as a free tag while its record exists, so that
// epochs go up: a request that a dead runner sent long ago can never hit the
// tag of a later holder. For the same reason a holder that does not know how its
// heartbeat ended moves on to the next epoch. Once the record is unregistered,
// its lock tags go.
//
// A lease counts as held for 30 s after the last good heartbeat was begun, by
// the holder's own clock; others wait until the heartbeat is 60 s old by
// vCenter's clock. The difference is what a single call may take. The clocks
// are never compared with each other; vCenter's must not jump ahead.
package ledger
