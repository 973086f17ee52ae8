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
//	record       <kind>:<gateway or ->/<name>      vCenter, kind, gateway, name   its body, or how it begins and where the chunks are
//	chunk        <record>+<generation>.<k>         record, generation, k   a part of a long body
//	child        <parent>@<k>                      parent, slot k          the child
//	root         <pools of vCenter>@<k>            vCenter, slot k         a pool's id
//	claim        <pool>/<address>                  pool, address           cluster, node, since when
//	rest         <pool>/<address>!rest             pool, address           cluster that had it, released when
//	reservation  <pool>/!cluster                   pool                    cluster, since when
//	lock         <record>#<epoch> <nonce>          record, epoch           state, holder, heartbeat
//
// Descriptions stay under 255 bytes; all but those of chunks, children and
// roots are JSON.
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
// # Addresses that rest
//
// Who releases an address creates its rest tag before it deletes the claim, and
// who claims it deletes the rest tag after the claim stands: wherever a run is
// killed, the address is claimed, or rests, or is free. A rest tag beside a claim
// means nothing; the next release writes it over. Resting addresses are counted
// as free: they are picked when no other address is left, by their own cluster
// at once, by others once ReuseDelay has gone by on vCenter's clock. Rest is a
// courtesy to switches and neighbours that remember the last holder, and nothing
// relies on it: who reads the list less than a minute before an address is
// claimed and released may claim it at once, and a rest tag that cannot be read
// is over. ClaimAddress takes an address that rests.
//
// # What belongs together
//
// Register notes a record at its gateway, and a pool among all pools, before it
// makes the record; Unregister takes the notes back after it. What a killed run
// leaves are notes of nothing, which readers pass over.
//
// # What people do by hand
//
// A pool's record that was deleted: Pools leaves it out; its claims stand, and
// are released as ever. A claim that was deleted: its owner claims the address
// again, by ClaimAddress or after Learn, and fails if somebody else has it by
// then. A claim of which the description was edited belongs to somebody unknown:
// it is neither issued nor released until the tag is deleted. A reservation of
// which it was edited is UnknownCluster's. A record of which the description,
// a chunk or the name was edited is a *DamagedError for who wants that record,
// and keeps nobody from anything else: Pools says so beside the others, and
// UpdateRecord writes all but the name again. A tag that is none of the ledger's
// is a stray: it counts towards MaxClaims, and Entries shows it.
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
