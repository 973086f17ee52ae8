package vsphere

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// bootKeys are those in which a guest gets what it boots with.
var bootKeys = []string{"guestinfo.metadata", "guestinfo.metadata.encoding", userdataKey, userdataEncodingKey}

// SealImage implements model.VCenter. It takes two calls.
func (c *Client) SealImage(ctx context.Context, vm string, image model.Image) (string, error) {
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	op := "mark the image " + c.path(ref)
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref}, map[string][]string{"VirtualMachine": {
		"config.instanceUuid", "config.hardware.device", "config.guestId", "config.guestFullName", "runtime.powerState",
	}}))
	if err != nil {
		return "", c.failed(op, err)
	}
	if len(found) == 0 || found[0].vanished() {
		return "", &Error{Op: op, Reason: "it is not there any more", kind: kindGone}
	}
	if image.Library != nil {
		if err := unusableDeployment(found[0], image.Library); err != nil {
			err.Op = op
			return "", err
		}
	}
	if image.Build != nil && poweredOn(found[0]) {
		return "", &Error{Op: op, Reason: "it was powered on again after it had been cleaned"}
	}
	marker := markerOfImage(image)
	marker.VM = value[string](found[0], "config.instanceUuid")
	if marker.VM == "" {
		return "", &Error{Op: op, Reason: "vCenter does not return its instance UUID", kind: kindTransient}
	}
	option, err := marker.option()
	if err != nil {
		return "", err
	}
	spec := types.VirtualMachineConfigSpec{
		ExtraConfig:       []types.BaseOptionValue{option},
		VAppConfigRemoved: types.NewBool(true),
	}
	switch {
	case image.Library != nil:
		strip(&spec, found[0], image)
	case image.Build != nil:
		unmake(&spec, found[0])
		spec.Annotation = fmt.Sprintf("Node image, built by Gantry of %s", image.Build.Base.Template)
	}
	return c.reconfigure(ctx, ref, op, spec)
}

// strip takes from what vCenter has deployed what Gantry leaves out of what it uploads itself.
func strip(spec *types.VirtualMachineConfigSpec, p properties, image model.Image) {
	// An item that was made of a node has that node's marker.
	spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: markerKey, Value: ""})
	spec.Annotation = fmt.Sprintf("Node image, deployed by Gantry from %s of the content library %s, version %s.",
		image.Library.Item, image.Library.Library, image.Library.Content.Version)
	for _, device := range value[types.ArrayOfVirtualDevice](p, "config.hardware.device").VirtualDevice {
		if foreignToNodes(device) {
			spec.DeviceChange = append(spec.DeviceChange, &types.VirtualDeviceConfigSpec{
				Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: device,
			})
		}
	}
}

// unusableDeployment says why what was deployed makes no node image; nil: it does.
func unusableDeployment(p properties, item *model.LibraryItem) *Error {
	unusable := func(format string, args ...any) *Error {
		return &Error{
			Reason: fmt.Sprintf("the item %s makes no node image: ", item.Title()) + fmt.Sprintf(format, args...),
			Advice: "use another item",
		}
	}
	disks := devicesOf(p).disks
	id, name := value[string](p, "config.guestId"), value[string](p, "config.guestFullName")
	switch {
	case len(disks) == 0:
		return unusable("it has no disk")
	case len(disks) > 1:
		return unusable("it has %d disks, and a node has the one that it boots from", len(disks))
	case guestFamilyOf(id, name) == guestForeign:
		return unusable("its guest system is %s, and nodes run Linux", guestWords(id, name))
	}
	return nil
}

// unmake takes from a VM of which an image was made what made it a VM of Gantry's: its marker,
// the data that it booted with, what its guest has reported, and its network card, whose address
// is another's by now.
func unmake(spec *types.VirtualMachineConfigSpec, p properties) {
	spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: markerKey, Value: ""})
	gone := map[string]string{}
	for _, key := range slices.Concat(bootKeys, guestKeys) {
		gone[key] = ""
	}
	spec.ExtraConfig = append(spec.ExtraConfig, guestInfoOptions(gone)...)
	for _, nic := range devicesOf(p).nics {
		spec.DeviceChange = append(spec.DeviceChange, &types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: nic,
		})
	}
}
