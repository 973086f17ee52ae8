// Package record is what Gantry's records in the ledger say: how a record is
// referred to, and the bodies of IP pools, cloud accounts, clusters and
// gateways with their spelling on the wire. It is data only: internal/ledger
// stores it.
//
// # Schema version
//
// A body is a JSON object, whose version is the integer under the key "v". A
// body without that key has version 1, which saves bytes in every record; from
// version 2 on the key comes first. A body of a newer version than this
// provider's is a *NewerError: it is neither missing nor damaged, and must not
// be written over or deleted.
package record
