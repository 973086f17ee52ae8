package model

import (
	"fmt"
	"strings"
)

// HeldDisk is a disk that the engine did not make and that a snapshot of its VM
// holds: detached, it would be destroyed with the snapshot when the VM is.
type HeldDisk struct {
	File     string // [datastore] path
	Snapshot string // name
}

// heldListed is how many disks a message lists.
const heldListed = 10

// HeldDisksError says that a VM cannot be destroyed without losing disks.
type HeldDisksError struct {
	VM    string // inventory path
	Disks []HeldDisk
}

func (e *HeldDisksError) Error() string {
	var words []string
	for _, d := range e.Disks[:min(len(e.Disks), heldListed)] {
		words = append(words, fmt.Sprintf("%s (snapshot %q)", d.File, d.Snapshot))
	}
	if more := len(e.Disks) - heldListed; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("Snapshots of the VM %s hold disks that Gantry did not make: %s. "+
		"They would be destroyed with the VM, attached or not. "+
		"Remove the snapshots in the vSphere Client, and apply again.", e.VM, strings.Join(words, ", "))
}
