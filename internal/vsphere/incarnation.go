package vsphere

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// SetIncarnation implements model.VCenter. What else the marker says stays as it is,
// with what only this package reads of it.
func (c *Client) SetIncarnation(ctx context.Context, vm string, incarnation record.Incarnation) (string, error) {
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	op := "mark " + c.path(ref) + " as taken over"
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref}, map[string][]string{
		"VirtualMachine": {extraConfig(markerKey)},
	}))
	if err != nil {
		return "", c.failed(op, err)
	}
	if len(found) == 0 || found[0].vanished() {
		return "", &Error{Op: op, Reason: "the VM no longer exists", kind: kindGone}
	}
	if f := found[0].denied(); f != nil {
		return "", c.failed(op, c.explainFault(f, ""))
	}
	text, err := withIncarnation(found[0].option(markerKey), incarnation)
	if err != nil {
		return "", &Error{Op: op, Reason: err.Error()}
	}
	return c.reconfigure(ctx, ref, op, types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: markerKey, Value: text}},
	})
}

func withIncarnation(text string, incarnation record.Incarnation) (string, error) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return "", fmt.Errorf("its marker cannot be read: %w", err)
	}
	fields["incarnation"] = incarnation
	changed, err := json.Marshal(fields)
	return string(changed), err
}

var _ model.VCenter = (*Client)(nil)
