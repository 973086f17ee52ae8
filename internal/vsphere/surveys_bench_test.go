package vsphere_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// What the benchmark surveys.
const (
	benchClusters = 30
	benchNodes    = 20 // of each cluster
	benchOthers   = 5000
)

// BenchmarkSurveys is the refresh of many clusters in a large vCenter: they are
// surveyed at the same moment. The vCenter is canned, so that what is measured is
// the adapter.
func BenchmarkSurveys(b *testing.B) {
	server := newCannedVCenter()
	defer server.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	client, err := (&vsphere.Sessions{}).Get(b.Context(), vsphere.Config{
		Server:        strings.TrimPrefix(server.URL, "https://"),
		Username:      "u",
		Password:      "p",
		CACertificate: string(certificate),
	})
	if err != nil {
		b.Fatal(err)
	}
	server.calls.Store(0)
	b.ReportAllocs()
	surveys := 0
	for b.Loop() {
		vsphere.Changed(client)
		var wg sync.WaitGroup
		for i := range benchClusters {
			wg.Go(func() {
				survey, err := client.Survey(b.Context(), model.SurveyRequest{
					Cluster: benchCluster(i),
					Names:   names(),
					MaxAge:  time.Minute,
				})
				if err != nil || len(survey.Machines) != benchNodes || len(survey.Findings.Problems) > 0 || len(survey.Reported) < benchOthers {
					b.Errorf("survey of cluster %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		surveys++
	}
	b.ReportMetric(float64(server.calls.Load())/float64(surveys), "calls/op")
}

func benchCluster(i int) uuid.UUID { return uuid.NewSHA1(clusterID, fmt.Append(nil, i)) }

// cannedVCenter serves logins and property reads, and nothing else.
type cannedVCenter struct {
	*httptest.Server
	calls atomic.Int64
	tree  []byte
}

func newCannedVCenter() *cannedVCenter {
	v := &cannedVCenter{tree: cannedTree()}
	v.Server = httptest.NewTLSServer(v)
	return v
}

var requestedVM = regexp.MustCompile(`type="VirtualMachine">([^<]+)<`)

func (v *cannedVCenter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.calls.Add(1)
	body, _ := io.ReadAll(r.Body)
	switch {
	case bytes.Contains(body, []byte("<RetrieveServiceContent")):
		_, _ = w.Write(envelope("RetrieveServiceContentResponse", `<returnval>`+
			`<rootFolder type="Folder">group-d1</rootFolder><propertyCollector type="PropertyCollector">pc</propertyCollector>`+
			`<about><name>n</name><fullName>f</fullName><apiType>VirtualCenter</apiType><instanceUuid>i</instanceUuid></about>`+
			`<sessionManager type="SessionManager">sm</sessionManager></returnval>`))
	case bytes.Contains(body, []byte("<Login")):
		_, _ = w.Write(envelope("LoginResponse", `<returnval><key>k</key></returnval>`))
	case bytes.Contains(body, []byte("childEntity")):
		_, _ = w.Write(v.tree)
	default:
		var objects strings.Builder
		for _, m := range requestedVM.FindAllSubmatch(body, -1) {
			properties := cannedProperty("runtime.powerState", "VirtualMachinePowerState", "poweredOn")
			if string(m[1]) == "vm-template" {
				properties = cannedProperty("config.hardware.device", "ArrayOfVirtualDevice", `<VirtualDevice xsi:type="VirtualDisk">`+
					`<key>2000</key><capacityInKB>20971520</capacityInKB></VirtualDevice>`)
			}
			objects.WriteString(cannedObject("VirtualMachine", string(m[1]), properties))
		}
		_, _ = w.Write(envelope("RetrievePropertiesExResponse", `<returnval>`+objects.String()+`</returnval>`))
	}
}

func envelope(response, content string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope ` +
		`xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" ` +
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><` + response + ` xmlns="urn:vim25">` + content +
		`</` + response + `></soapenv:Body></soapenv:Envelope>`)
}

func cannedObject(kind, id string, properties ...string) string {
	return `<objects><obj type="` + kind + `">` + id + `</obj>` + strings.Join(properties, "") + `</objects>`
}

func cannedProperty(name, kind, content string) string {
	return `<propSet><name>` + name + `</name><val xsi:type="` + kind + `">` + content + `</val></propSet>`
}

func text(name, content string) string { return cannedProperty(name, "xsd:string", content) }

func link(name, kind, id string) string {
	return `<propSet><name>` + name + `</name><val type="` + kind + `" xsi:type="ManagedObjectReference">` + id + `</val></propSet>`
}

func links(name, kind, id string) string {
	return cannedProperty(name, "ArrayOfManagedObjectReference", `<ManagedObjectReference type="`+kind+`">`+id+`</ManagedObjectReference>`)
}

// cannedTree is an inventory with the objects that names resolves to, the
// clusters' nodes and many VMs of other owners.
func cannedTree() []byte {
	var b strings.Builder
	b.WriteString(cannedObject("Folder", "group-d1", text("name", "Datacenters")))
	b.WriteString(cannedObject("Datacenter", "dc", text("name", "dc-1"),
		link("parent", "Folder", "group-d1"), link("vmFolder", "Folder", "vm")))
	b.WriteString(cannedObject("Folder", "vm", text("name", "vm"), link("parent", "Datacenter", "dc")))
	b.WriteString(cannedObject("Folder", "host", text("name", "host"), link("parent", "Datacenter", "dc")))
	b.WriteString(cannedObject("Folder", "k8s", text("name", "k8s"), link("parent", "Folder", "vm")))
	b.WriteString(cannedObject("ClusterComputeResource", "cl", text("name", "cluster-a"), link("parent", "Folder", "host"),
		links("datastore", "Datastore", "ds"), links("network", "Network", "net"), links("host", "HostSystem", "esx")))
	b.WriteString(cannedObject("HostSystem", "esx", text("name", "esx"), link("parent", "ClusterComputeResource", "cl")))
	b.WriteString(cannedObject("ResourcePool", "rp", text("name", "gantry"), link("parent", "ClusterComputeResource", "cl")))
	b.WriteString(cannedObject("Datastore", "ds", text("name", "shared-1"), link("parent", "Datacenter", "dc")))
	b.WriteString(cannedObject("Network", "net", text("name", "dvpg-nodes"), link("parent", "Datacenter", "dc")))
	b.WriteString(cannedObject("VirtualMachine", "vm-template", text("name", "gantry-node-1.37.2"), link("parent", "Folder", "vm"),
		cannedProperty("config.template", "xsd:boolean", "true"), text("config.instanceUuid", uuid.NewString())))
	for i := range benchOthers {
		b.WriteString(cannedVM("vm", fmt.Sprintf("web-%d", i), i, ""))
	}
	for i := range benchClusters * benchNodes {
		name := fmt.Sprintf("c%d-cp-%d", i/benchNodes, i%benchNodes)
		marker := fmt.Sprintf(`{"schema":1,"cluster":%q,"node":%q,"role":"worker","ip_pool":%q,"kubernetes_version":"1.37.2",`+
			`"template":"gantry-node-1.37.2","compute_cluster":"cluster-a","datastore":"shared-1","network":"dvpg-nodes"}`,
			benchCluster(i/benchNodes), name, ipPoolID)
		b.WriteString(cannedVM("k8s", name, benchOthers+i, cannedProperty(`config.extraConfig["gantry.node"]`, "OptionValue",
			`<key>gantry.node</key><value xsi:type="xsd:string">`+marker+`</value>`)))
	}
	return envelope("RetrievePropertiesExResponse", `<returnval>`+b.String()+`</returnval>`)
}

// cannedVM is a VM as vCenter returns it, with guest.net as VMware Tools report a
// machine with one adapter.
func cannedVM(folder, name string, i int, more string) string {
	addr := fmt.Sprintf("10.%d.%d.7", i/250, i%250)
	nic := `<GuestNicInfo xsi:type="GuestNicInfo"><network>VM Network</network><ipAddress>` + addr + `</ipAddress>` +
		`<ipAddress>fe80::250:56ff:fe00:1</ipAddress><macAddress>00:50:56:00:00:01</macAddress><connected>true</connected>` +
		`<deviceConfigId>4000</deviceConfigId><dnsConfig><dhcp>false</dhcp><hostName>vm</hostName><domainName>example.com</domainName>` +
		`<ipAddress>10.0.0.1</ipAddress></dnsConfig><ipConfig><ipAddress><ipAddress>` + addr + `</ipAddress>` +
		`<prefixLength>24</prefixLength><state>preferred</state></ipAddress><ipAddress><ipAddress>fe80::250:56ff:fe00:1</ipAddress>` +
		`<prefixLength>64</prefixLength><state>unknown</state></ipAddress></ipConfig></GuestNicInfo>`
	card := `<key>4000</key><deviceInfo><label>Network adapter 1</label><summary>DVSwitch: 50 2a 5b 4e</summary></deviceInfo>` +
		`<backing xsi:type="VirtualEthernetCardDistributedVirtualPortBackingInfo"><port><switchUuid>50 2a 5b 4e</switchUuid>` +
		`<portgroupKey>dvportgroup-11</portgroupKey><portKey>12</portKey><connectionCookie>123</connectionCookie></port></backing>` +
		`<connectable><migrateConnect>unset</migrateConnect><startConnected>true</startConnected>` +
		`<allowGuestControl>true</allowGuestControl><connected>true</connected><status>ok</status></connectable>` +
		`<slotInfo xsi:type="VirtualDevicePciBusSlotInfo"><pciSlotNumber>192</pciSlotNumber></slotInfo><controllerKey>100</controllerKey>` +
		`<unitNumber>7</unitNumber><addressType>assigned</addressType><macAddress>` + fmt.Sprintf("00:50:56:%02x:%02x:01", i/250, i%250) +
		`</macAddress><wakeOnLanEnabled>true</wakeOnLanEnabled><resourceAllocation><reservation>0</reservation><share><shares>50</shares>` +
		`<level>normal</level></share><limit>-1</limit></resourceAllocation><uptCompatibilityEnabled>true</uptCompatibilityEnabled>`
	return cannedObject("VirtualMachine", fmt.Sprintf("vm-%d", i), text("name", name), link("parent", "Folder", folder),
		cannedProperty("config.template", "xsd:boolean", "false"), text("config.instanceUuid", uuid.NewString()),
		text("guest.ipAddress", addr), cannedProperty("guest.net", "ArrayOfGuestNicInfo", nic),
		cannedProperty("config.hardware.device[4000]", "VirtualVmxnet3", card),
		cannedProperty("runtime.connectionState", "VirtualMachineConnectionState", "connected"),
		cannedProperty("runtime.powerState", "VirtualMachinePowerState", "poweredOn"), more)
}
