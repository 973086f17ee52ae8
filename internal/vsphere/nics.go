package vsphere

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// nicProperties are a VM's network cards: vCenter numbers them from 4000 on, and a
// VM has at most ten.
var nicProperties = func() []string {
	var paths []string
	for key := 4000; key < 4010; key++ {
		paths = append(paths, fmt.Sprintf("config.hardware.device[%d]", key))
	}
	return paths
}()

// addNICs takes the network cards of a VM out of its properties.
func (f *fleet) addNICs(p properties) {
	for _, path := range nicProperties {
		card := ethernetCard(p.values[path])
		delete(p.values, path) // not needed any more
		if card == nil || card.MacAddress == "" {
			continue
		}
		mac := strings.ToLower(card.MacAddress)
		f.nics[mac] = append(f.nics[mac], model.NIC{UUID: instanceUUID(p), Network: networkKeyOf(card.Backing)})
	}
}

// networkKeyOf is model.Network.Key of the network that a card is connected to.
func networkKeyOf(backing types.BaseVirtualDeviceBackingInfo) string {
	switch b := backing.(type) {
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		return b.Port.PortgroupKey
	case *types.VirtualEthernetCardOpaqueNetworkBackingInfo:
		return b.OpaqueNetworkId
	case *types.VirtualEthernetCardNetworkBackingInfo:
		if b.Network != nil {
			return b.Network.String()
		}
	}
	return ""
}

// ethernetCard returns the card that a property holds; nil where it is none. A
// device on its own is decoded as a value, and only its pointer is a card.
func ethernetCard(device any) *types.VirtualEthernetCard {
	if device == nil {
		return nil
	}
	pointer := reflect.New(reflect.TypeOf(device))
	pointer.Elem().Set(reflect.ValueOf(device))
	if card, ok := pointer.Interface().(types.BaseVirtualEthernetCard); ok {
		return card.GetVirtualEthernetCard()
	}
	return nil
}
