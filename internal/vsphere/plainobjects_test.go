package vsphere_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// decodeBoth decodes a response with its plain VMs taken out and as govmomi does, which
// must come to the same, and returns how many were taken out.
func decodeBoth(t *testing.T, response []byte) int {
	t.Helper()
	lean, err := vsphere.Decode(response, true)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := vsphere.Decode(response, false)
	if err != nil {
		t.Fatal(err)
	}
	plain := lean.Plain
	lean.Plain = 0
	if !reflect.DeepEqual(lean, whole) {
		for ref, values := range whole.Values {
			if got := lean.Values[ref]; !reflect.DeepEqual(got, values) {
				t.Errorf("%s is\n%#v, want\n%#v", ref, got, values)
			}
		}
		t.Errorf("decoded %d objects, want %d; addresses %v, want %v; cards %v, want %v",
			len(lean.Values), len(whole.Values), lean.Reported, whole.Reported, lean.NICs, whole.NICs)
	}
	return plain
}

// TestPlainObjectsAreWhatGovmomiDecodes has the inventory of the benchmark: of the many
// VMs none is left to govmomi.
func TestPlainObjectsAreWhatGovmomiDecodes(t *testing.T) {
	t.Parallel()
	if plain := decodeBoth(t, cannedTree()); plain != benchOthers+benchClusters*benchNodes+1 {
		t.Errorf("%d VMs are plain", plain)
	}
}

// vmShape is what a VM's properties may look like.
type vmShape struct {
	properties string
	plain      bool
}

// typed is a property whose value has other attributes than usual.
func typed(name, attributes, content string) string {
	return `<propSet><name>` + name + `</name><val ` + attributes + `>` + content + `</val></propSet>`
}

var vmShapes = map[string]vmShape{
	"nothing":        {``, true},
	"escapes":        {text("name", `a &amp; b &lt;c&gt; &quot;d&quot; &apos;e&apos; %2f`), true},
	"a number":       {text("name", `a&#10;b`), false},
	"not ASCII":      {text("name", `größe`), true},
	"empty":          {`<propSet><name>guest.ipAddress</name><val xsi:type="xsd:string"/></propSet>`, true},
	"booleans":       {cannedProperty("config.template", "xsd:boolean", "1") + cannedProperty("x", "xsd:boolean", "false"), true},
	"another type":   {cannedProperty("x", "xsd:int", "7"), false},
	"another prefix": {typed("name", `xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="xsd:string"`, "a"), true},
	"no type":        {typed("name", "", "a"), false},
	"something denied": {`<missingSet><path>guest.net</path><fault><fault xsi:type="NoPermission">` +
		`<privilegeId>System.Read</privilegeId></fault></fault></missingSet>`, false},
	"a marker":                   {cannedMarker(`<value xsi:type="xsd:string">{&quot;a&quot;: 1}</value>`), true},
	"an option that is a number": {cannedMarker(`<value xsi:type="xsd:int">7</value>`), false},
	"a snapshot":                 {link("snapshot.currentSnapshot", "VirtualMachineSnapshot", "snapshot-7"), true},
	"one of another vCenter":     {typed("parent", `type="Folder" serverGuid="g" xsi:type="ManagedObjectReference"`, "group-v1"), false},
	"no networks of a guest":     {`<propSet><name>guest.net</name><val xsi:type="ArrayOfGuestNicInfo"/></propSet>`, true},
	"networks of a guest":        {cannedProperty("guest.net", "ArrayOfGuestNicInfo", cannedNIC+cannedNIC+`<GuestNicInfo/>`), true},
	"a card at a port": {cannedCard("VirtualE1000e", "DistributedVirtualPort",
		`<port><switchUuid>s</switchUuid><portgroupKey>dvportgroup-1</portgroupKey></port>`), true},
	"a card at a network": {cannedCard("VirtualVmxnet3", "Network",
		`<deviceName>n</deviceName><useAutoDetect>false</useAutoDetect><network type="Network">network-1</network>`), true},
	"a card at no network": {cannedCard("VirtualPCNet32", "Network", `<deviceName>n</deviceName>`), true},
	"a card at an opaque one": {cannedCard("VirtualVmxnet2", "OpaqueNetwork",
		`<opaqueNetworkId>o</opaqueNetworkId><opaqueNetworkType>t</opaqueNetworkType>`), true},
	"a card at something else": {cannedCard("VirtualVmxnet3", "LegacyNetwork", `<deviceName>n</deviceName>`), false},
	"a card without a backing": {cannedCard("VirtualVmxnet3", "", ""), true},
	"no card": {cannedProperty("config.hardware.device[4002]", "VirtualUSB",
		`<key>4002</key><connected>true</connected>`), false},
}

const cannedNIC = `<GuestNicInfo><network>n &amp; m</network><ipAddress>10.0.0.9</ipAddress><ipAddress>fe80::1</ipAddress>` +
	`<deviceConfigId>4000</deviceConfigId></GuestNicInfo>`

func cannedMarker(value string) string {
	return cannedProperty(`config.extraConfig["gantry.node"]`, "OptionValue", `<key>gantry.node</key>`+value)
}

// cannedCard is a card at a kind of network; empty: it has no backing.
func cannedCard(kind, network, inside string) string {
	backing := ""
	if network != "" {
		backing = `<backing xsi:type="VirtualEthernetCard` + network + `BackingInfo">` + inside + `</backing>`
	}
	return cannedProperty("config.hardware.device[4001]", kind, `<key>4001</key><deviceInfo><label>a</label><summary/></deviceInfo>`+
		backing+`<macAddress>00:50:56:0A:0b:0c</macAddress><wakeOnLanEnabled>true</wakeOnLanEnabled>`)
}

// TestVMsOfAllShapes has VMs one by one that are plain, and those that are not: they are
// decoded as before.
func TestVMsOfAllShapes(t *testing.T) {
	t.Parallel()
	for name, test := range vmShapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := envelope("RetrievePropertiesExResponse", `<returnval>`+
				cannedObject("Folder", "group-v1", text("name", "vm"))+
				cannedObject("VirtualMachine", "vm-1", link("parent", "Folder", "group-v1"), test.properties)+
				cannedObject("VirtualMachine", "vm-2", text("name", "last"))+`</returnval>`)
			plain := 1 // the last one
			if test.plain {
				plain++
			}
			if got := decodeBoth(t, response); got != plain {
				t.Errorf("%d VMs are plain, want %d", got, plain)
			}
		})
	}
}

// TestResponseThatBreaksOff cuts a response at each place: what is read of it is an error,
// as it is for govmomi.
func TestResponseThatBreaksOff(t *testing.T) {
	t.Parallel()
	response := envelope("RetrievePropertiesExResponse", `<returnval>`+cannedVM("vm", "web", 1, "")+`</returnval>`)
	for end := range len(response) {
		if strings.HasSuffix(string(response[:end]), "</soapenv:Envelope>") {
			continue
		}
		if _, err := vsphere.Decode(response[:end], true); err == nil {
			t.Fatalf("a response that breaks off after %q is whole", response[max(0, end-40):end])
		}
	}
}
