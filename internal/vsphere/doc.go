// Package vsphere is the adapter between the engine's interfaces and a real
// vCenter: sessions, inventory, clones, disks, folders, tags and privileges.
//
// It retries nothing but a call whose session was gone; budgets and backoff are
// the runner's. Every error says which object it is about and, where that can
// be known, what an administrator can do; none carries a secret.
package vsphere
