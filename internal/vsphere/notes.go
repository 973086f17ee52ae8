package vsphere

import (
	"context"

	"github.com/vmware/govmomi/vim25/types"
)

// notesProperty is what the vSphere Client calls the notes of a VM.
const notesProperty = "config.annotation"

// SetNotes implements model.VCenter.
func (c *Client) SetNotes(ctx context.Context, vm, notes string) (string, error) {
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	return c.reconfigure(ctx, ref, "write the notes of "+c.path(ref), types.VirtualMachineConfigSpec{Annotation: notes})
}

// notesOf are the notes of the machines, by reference.
func notesOf(own []marked, details map[types.ManagedObjectReference]properties) map[string]string {
	notes := make(map[string]string, len(own))
	for _, m := range own {
		if p, ok := details[m.ref]; ok {
			notes[m.ref.String()] = value[string](p, notesProperty)
		}
	}
	return notes
}
