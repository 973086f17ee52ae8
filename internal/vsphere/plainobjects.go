package vsphere

import (
	"bytes"
	"context"
	"html"

	"github.com/vmware/govmomi/vim25/types"
)

// plainObjects are VMs that were taken out of a response's text: decoding them with
// everything else, by reflection, is most of what reading a large inventory costs. They
// have of their properties what this package reads. An object with anything that is not
// known here stays in the text.
type plainObjects struct{ found []properties }

type plainObjectsKey struct{}

// withPlainObjects takes plain objects out of the response of a call whose unread parts
// are left out.
func withPlainObjects(ctx context.Context, objects *plainObjects) context.Context {
	return context.WithValue(ctx, plainObjectsKey{}, objects)
}

func plainObjectsOf(ctx context.Context) *plainObjects {
	objects, _ := ctx.Value(plainObjectsKey{}).(*plainObjects)
	return objects
}

// take takes an object over, whose text is given from "<objects>" to its end, and reports
// whether it is a plain one.
func (o *plainObjects) take(text []byte) bool {
	s := scanner{rest: text}
	p := properties{values: make(map[string]any, 10)}
	if t := s.tag(); string(t.name) != "objects" {
		return false
	}
	whole := s.each("objects", func(t tag) bool {
		switch string(t.name) {
		case "obj":
			return s.reference(t, &p.ref) && p.ref.Type == "VirtualMachine"
		case "propSet":
			return s.property(p.values)
		}
		return false
	})
	if !whole || p.ref.Value == "" || len(s.rest) > 0 {
		return false
	}
	o.found = append(o.found, p)
	return true
}

// property adds a property to values.
func (s *scanner) property(values map[string]any) bool {
	var name string
	return s.each("propSet", func(t tag) bool {
		switch string(t.name) {
		case "name":
			var ok bool
			name, ok = s.text(t)
			return ok
		case "val":
			value := s.value(t)
			values[name] = value
			return value != nil && name != ""
		}
		return false
	})
}

// value is that of a property, as govmomi decodes it; nil where its type is not known here.
func (s *scanner) value(t tag) any {
	kind := t.kind()
	if isEthernetCard[string(kind)] {
		return s.card(t)
	}
	switch string(kind) {
	case "ManagedObjectReference":
		var ref types.ManagedObjectReference
		if !s.reference(t, &ref) {
			return nil
		}
		return ref
	case "OptionValue":
		return s.option(t)
	case "ArrayOfGuestNicInfo":
		return s.guestNICs(t)
	}
	text, ok := s.text(t)
	if !ok {
		return nil
	}
	switch string(kind) {
	case "xsd:string":
		return text
	case "xsd:boolean":
		return text == "true" || text == "1"
	case "VirtualMachineConnectionState":
		return types.VirtualMachineConnectionState(text)
	case "VirtualMachinePowerState":
		return types.VirtualMachinePowerState(text)
	}
	return nil
}

// reference reads a reference. One to another vCenter is not plain.
func (s *scanner) reference(t tag, ref *types.ManagedObjectReference) bool {
	text, ok := s.text(t)
	ref.Type = string(t.attribute("type"))
	ref.Value = text
	return ok && ref.Type != "" && t.attribute("serverGuid") == nil
}

func (s *scanner) option(t tag) any {
	var option types.OptionValue
	ok := !t.empty && s.each("val", func(t tag) (ok bool) {
		switch string(t.name) {
		case "key":
			option.Key, ok = s.text(t)
		case "value":
			option.Value, ok = s.text(t)
			ok = ok && string(t.kind()) == "xsd:string"
		}
		return ok
	})
	if !ok {
		return nil
	}
	return option
}

// guestNICs are the network cards that a guest reports, as far as addressesOf reads them.
func (s *scanner) guestNICs(t tag) any {
	var list types.ArrayOfGuestNicInfo
	nic := func(t tag) bool {
		list.GuestNicInfo = append(list.GuestNicInfo, types.GuestNicInfo{})
		info := &list.GuestNicInfo[len(list.GuestNicInfo)-1]
		return t.empty || s.each("GuestNicInfo", func(t tag) (ok bool) {
			switch string(t.name) {
			case "ipAddress":
				var address string
				address, ok = s.text(t)
				info.IpAddress = append(info.IpAddress, address)
			case "deviceConfigId":
				info.DeviceConfigId, ok = s.number(t)
			default:
				ok = s.skip(t)
			}
			return ok
		})
	}
	if !t.empty && !s.each("val", func(t tag) bool { return string(t.name) == "GuestNicInfo" && nic(t) }) {
		return nil
	}
	return list
}

// isEthernetCard has the types of a VM's network cards.
var isEthernetCard = map[string]bool{
	"VirtualE1000":             true,
	"VirtualE1000e":            true,
	"VirtualPCNet32":           true,
	"VirtualSriovEthernetCard": true,
	"VirtualVmxnet":            true,
	"VirtualVmxnet2":           true,
	"VirtualVmxnet3":           true,
	"VirtualVmxnet3Vrdma":      true,
}

// card is a network card of a VM, as far as addNICs reads it.
func (s *scanner) card(t tag) any {
	var card types.VirtualEthernetCard
	ok := !t.empty && s.each("val", func(t tag) (ok bool) {
		switch string(t.name) {
		case "macAddress":
			card.MacAddress, ok = s.text(t)
		case "backing":
			card.Backing = s.backing(t)
			ok = card.Backing != nil
		default:
			ok = s.skip(t)
		}
		return ok
	})
	if !ok {
		return nil
	}
	return card
}

// backing is the network that a card is connected to, as far as networkKeyOf reads it.
func (s *scanner) backing(t tag) types.BaseVirtualDeviceBackingInfo {
	var port types.VirtualEthernetCardDistributedVirtualPortBackingInfo
	var opaque types.VirtualEthernetCardOpaqueNetworkBackingInfo
	var network types.VirtualEthernetCardNetworkBackingInfo
	ok := !t.empty && s.each("backing", func(t tag) (ok bool) {
		switch string(t.name) {
		case "port":
			return !t.empty && s.each("port", func(t tag) (ok bool) {
				if string(t.name) != "portgroupKey" {
					return s.skip(t)
				}
				port.Port.PortgroupKey, ok = s.text(t)
				return ok
			})
		case "opaqueNetworkId":
			opaque.OpaqueNetworkId, ok = s.text(t)
		case "network":
			network.Network = &types.ManagedObjectReference{}
			ok = s.reference(t, network.Network)
		default:
			ok = s.skip(t)
		}
		return ok
	})
	switch kind := string(t.kind()); {
	case !ok:
	case kind == "VirtualEthernetCardDistributedVirtualPortBackingInfo":
		return &port
	case kind == "VirtualEthernetCardOpaqueNetworkBackingInfo":
		return &opaque
	case kind == "VirtualEthernetCardNetworkBackingInfo":
		return &network
	}
	return nil
}

// unescaped is text without XML's escapes; false where it has one that is a number.
func unescaped(text []byte) (string, bool) {
	if bytes.IndexByte(text, '&') < 0 {
		return string(text), true
	}
	return html.UnescapeString(string(text)), !bytes.Contains(text, []byte("&#"))
}
