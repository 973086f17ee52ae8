package simulator_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmware/govmomi/ovf/importer"
	"github.com/vmware/govmomi/vim25/types"
)

const ovfEnvelope = `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References><File ovf:href="disk.vmdk" ovf:id="file1" ovf:size="%d"/></References>
  <DiskSection><Info>disks</Info>
    <Disk ovf:capacity="20" ovf:capacityAllocationUnits="byte * 2^30" ovf:diskId="vmdisk1" ovf:fileRef="file1"/>
  </DiskSection>
  <NetworkSection><Info>networks</Info><Network ovf:name="nic0"/></NetworkSection>
  <VirtualSystem ovf:id="image"><Info>a machine</Info><Name>image</Name>
    <OperatingSystemSection ovf:id="94"><Info>guest</Info></OperatingSystemSection>
    <VirtualHardwareSection><Info>hardware</Info>
      <System>
        <vssd:ElementName>hw</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>image</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-19</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:ElementName>cpu</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>mem</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>4096</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address><rasd:ElementName>scsi</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>disk</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>7</rasd:AddressOnParent><rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>nic0</rasd:Connection><rasd:ElementName>nic</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>`

func writeOVA(t *testing.T) string {
	t.Helper()
	disk := append([]byte("KDMV"), bytes.Repeat([]byte("vmdk"), 4096)...)
	var ova bytes.Buffer
	w := tar.NewWriter(&ova)
	for _, f := range []struct {
		name string
		data []byte
	}{{"image.ovf", fmt.Appendf(nil, ovfEnvelope, len(disk))}, {"disk.vmdk", disk}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o600, Size: int64(len(f.data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "image.ova")
	if err := os.WriteFile(name, ova.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestImportOfAnOVAThatBecomesATemplate(t *testing.T) {
	t.Parallel()
	d := start(t)
	location := d.relocate(placement{"cluster-b", "local-b", ""})
	dc, err := d.finder.Datacenter(d.ctx, "dc-1")
	d.must(err)
	pool, err := d.finder.ResourcePool(d.ctx, "cluster-b/Resources/gantry")
	d.must(err)
	ds, err := d.finder.Datastore(d.ctx, "local-b")
	d.must(err)
	ova := writeOVA(t)
	im := importer.Importer{
		Log:          func(string) (int, error) { return 0, nil },
		Client:       d.client.Client,
		Finder:       d.finder,
		Datacenter:   dc,
		Datastore:    ds,
		ResourcePool: pool,
		Folder:       d.folder("templates"),
		Archive:      &importer.TapeArchive{Path: ova},
	}
	name := "imported"
	options := importer.Options{Name: &name, NetworkMapping: []importer.Network{{Name: "nic0", Network: "dvpg-nodes"}}}
	ref, err := im.Import(d.ctx, "*.ovf", options)
	d.must(err)
	vm := d.vm("templates/imported")
	if vm.Reference() != *ref {
		t.Errorf("imported %s, found %s", ref, vm.Reference())
	}
	if got := disks(d.properties(vm, "config")); len(got) != 1 || got[0].CapacityInBytes != 20<<30 {
		t.Errorf("disks %+v", got)
	}
	if _, err := im.Import(d.ctx, "*.ovf", options); !isFault[types.DuplicateName](err) {
		t.Errorf("imported twice: %v", err)
	}
	d.wait(vm.CreateSnapshot(d.ctx, "base", "", false, false))
	d.must(vm.MarkAsTemplate(d.ctx))
	snapshot := d.properties(vm, "snapshot").Snapshot.CurrentSnapshot
	location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
	d.wait(vm.Clone(d.ctx, d.folder("k8s"), "n1", types.VirtualMachineCloneSpec{Location: location, Snapshot: snapshot}))
	parent := backing(disks(d.properties(d.vm("k8s/n1"), "config"))[0]).Parent
	if parent == nil || parent.FileName != "[local-b] imported/disk-0.vmdk" {
		t.Errorf("parent %+v", parent)
	}
}
