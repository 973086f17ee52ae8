package vsphere

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// leastCSIHardware is the virtual hardware that the vSphere CSI driver asks of a node's VM, by
// its documentation.
const leastCSIHardware = 15

// warnOfTemplate warns of what nodes that are cloned from a template will not do.
func (r *resolver) warnOfTemplate(t *chosenTemplate, p properties) {
	r.unknownGuest(t, p)
	if version := hardwareVersion(p); version > 0 && version < leastCSIHardware {
		r.findings.Warn(t.field, fmt.Sprintf("The virtual hardware of template %q is old", t.name),
			"%q has hardware version %d, and the vSphere CSI driver attaches volumes to VMs from version %d on. "+
				"Upgrade the compatibility of the template in the vSphere Client, or use another template, before volumes are needed: "+
				"nodes keep the version that they were cloned with.", t.path, version, leastCSIHardware)
	}
	if _, encrypted := p.values["config.keyId"].(types.CryptoKeyId); encrypted {
		r.findings.Warn(t.field, fmt.Sprintf("Template %q is encrypted", t.name),
			"Clones of %q are made only by an account that has the privileges Cryptographic operations > Clone and > Direct Access, "+
				"and only on hosts that reach the key provider. Grant them, or use a template that is not encrypted.", t.path)
	}
	if bound := hostDevices(value[types.ArrayOfVirtualDevice](p, "config.hardware.device").VirtualDevice); len(bound) > 0 {
		r.findings.Warn(t.field, fmt.Sprintf("Template %q has devices of a host", t.name),
			"Nodes keep these devices of %q, which tie them to a host that has them: %s. A node may not be powered on, moved or "+
				"restarted elsewhere. Remove them from the template.", t.path, bounded(bound))
	}
}

// hostDevices name the devices of a host that a VM keeps to itself, and drives that are
// connected at power-on to one of a host or of a client.
func hostDevices(devices []types.BaseVirtualDevice) []string {
	var names []string
	for _, device := range devices {
		d := device.GetVirtualDevice()
		bound := false
		switch device.(type) {
		case *types.VirtualPCIPassthrough, *types.VirtualUSB, *types.VirtualSCSIPassthrough:
			bound = true
		case *types.VirtualCdrom, *types.VirtualFloppy, *types.VirtualSerialPort, *types.VirtualParallelPort:
			switch d.Backing.(type) {
			case types.BaseVirtualDeviceDeviceBackingInfo, types.BaseVirtualDeviceRemoteDeviceBackingInfo:
				bound = d.Connectable != nil && d.Connectable.StartConnected
			}
		}
		if bound {
			names = append(names, deviceLabel(device))
		}
	}
	return names
}
