// Package simulator is a simulated datacenter: govmomi's vCenter simulator,
// repaired where it differs from a real vCenter, and guests that boot from the
// guestinfo that a clone was given.
//
// A client that works against a real vCenter must work here, and what a real
// vCenter would refuse is refused here. The package repairs the clone (own
// disk, MAC address, folder, inherited configuration), destroy (files, tags,
// foreign disks), power (the guest boots and dies with it), the tagging
// service, privileges, placement checks and free space.
//
// Around that it gives tests their levers: it counts calls, injects faults and
// latency, drops connections before or after the work was done, refuses
// everything from the k-th call on, moves vCenter's clock, ends sessions, and
// lists what was left behind. Control offers the same levers over HTTP, for a
// simulator that runs as a process of its own.
package simulator
