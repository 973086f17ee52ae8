package vsphere

import (
	"context"
	"maps"
	"slices"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// SetGuestInfo implements model.VCenter.
func (c *Client) SetGuestInfo(ctx context.Context, vm string, guestInfo map[string]string) (string, error) {
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	return c.reconfigure(ctx, ref, "write the bootstrap data of "+c.path(ref), types.VirtualMachineConfigSpec{
		ExtraConfig: guestInfoOptions(guestInfo),
	})
}

func guestInfoOptions(guestInfo map[string]string) []types.BaseOptionValue {
	var options []types.BaseOptionValue
	for _, key := range slices.Sorted(maps.Keys(guestInfo)) {
		options = append(options, &types.OptionValue{Key: key, Value: guestInfo[key]})
	}
	return options
}

// WipeUserdata implements model.VCenter.
func (c *Client) WipeUserdata(ctx context.Context, vm string) (string, error) {
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	return c.reconfigure(ctx, ref, "wipe the bootstrap data of "+c.path(ref), types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{ // an empty value removes the key
			&types.OptionValue{Key: userdataKey, Value: ""},
			&types.OptionValue{Key: userdataEncodingKey, Value: ""},
		},
	})
}

func (c *Client) reconfigure(
	ctx context.Context, vm types.ManagedObjectReference, op string, spec types.VirtualMachineConfigSpec,
) (string, error) {
	defer c.site.changed()
	res, err := methods.ReconfigVM_Task(ctx, c.soap, &types.ReconfigVM_Task{This: vm, Spec: spec})
	if err != nil {
		return "", c.failed(op, err)
	}
	return c.started(res.Returnval, operation{name: op}), nil
}
