// Package vsphere is the adapter between the engine's interfaces and a real
// vCenter: sessions, inventory, clones, disks, folders, tags and privileges.
//
// It retries nothing but a call whose session had ended; budgets and backoff are
// the runner's. Every error names its object and, where that is known, what an
// administrator can do; none contains a secret.
package vsphere
