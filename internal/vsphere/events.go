package vsphere

import (
	"context"
	"errors"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// maxEvent bounds the text of an event, in bytes: longer ones are hard to read in the
// vSphere Client's list.
const maxEvent = 1024

// LogEvent implements model.VCenter. It needs the privilege Global.LogEvent on the VM.
func (c *Client) LogEvent(ctx context.Context, vm, message string) error {
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return err
	}
	manager := c.soap.content.EventManager
	if manager == nil {
		return errors.New("this vCenter has no event manager")
	}
	_, err = methods.LogUserEvent(ctx, c.soap, &types.LogUserEvent{
		This: *manager, Entity: ref, Msg: printable.Line(message, maxEvent),
	})
	return c.failed("log an event of "+c.path(ref), err)
}
