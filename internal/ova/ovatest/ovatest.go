// Package ovatest makes OVAs of node images for tests, and serves them as badly as servers do.
package ovatest

import (
	"archive/tar"
	"bytes"
	"crypto/sha1" //nolint:gosec // manifests may have it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Image is what an OVA is made of. Its zero value is a node image that can be imported.
type Image struct {
	KubernetesVersion string // default 1.37.2
	DiskBytes         int64  // of the file of the disk; default 64 KiB
	CapacityGB        int    // default 20
	Algorithm         string // of the manifest: SHA1, SHA256 (the default) or SHA512; none: no manifest
	ManifestLast      bool   // behind the disk
	// What makes it unusable.
	Disks        int    // default 1
	GuestID      string // default ubuntu64Guest
	WrongDigest  bool   // in the manifest, of the disk
	Compression  string // of the disk
	Collection   bool   // of several VMs
	WithoutDisk  bool   // its file is missing
	AnnouncedFor int64  // size of the disk in the OVF; default: the right one
	Hardware     string // resource type of a device that no vCenter knows
}

// Build returns the OVA and its SHA-256 digest.
func Build(i Image) (ova []byte, digest string) {
	var out bytes.Buffer
	digest, err := Write(&out, i)
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes(), digest
}

// Descriptor returns the OVF alone, as an item of a content library has it.
func Descriptor(i Image) string { return i.withDefaults().descriptor() }

// Write writes the OVA and returns its SHA-256 digest. Memory does not grow with it.
func Write(to io.Writer, i Image) (digest string, err error) {
	i = i.withDefaults()
	sum := sha256.New()
	w := tar.NewWriter(io.MultiWriter(to, sum))
	files := []file{{"node.ovf", int64(len(i.descriptor())), func() io.Reader { return strings.NewReader(i.descriptor()) }}}
	var disks []file
	for n := range i.Disks {
		disks = append(disks, file{diskName(n), i.DiskBytes, func() io.Reader { return newDisk(i.DiskBytes) }})
	}
	if i.WithoutDisk {
		disks = nil
	}
	manifest, err := i.manifest(append(files, disks...))
	if err != nil {
		return "", err
	}
	mf := file{"node.mf", int64(len(manifest)), func() io.Reader { return strings.NewReader(manifest) }}
	switch {
	case i.Algorithm == "none":
		files = append(files, disks...)
	case i.ManifestLast:
		files = append(append(files, disks...), mf)
	default:
		files = append(append(files, mf), disks...)
	}
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: f.size, Format: tar.FormatUSTAR}); err != nil {
			return "", err
		}
		if _, err := io.Copy(w, f.open()); err != nil {
			return "", err
		}
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

type file struct {
	name string
	size int64
	open func() io.Reader
}

func diskName(n int) string { return fmt.Sprintf("node-disk%d.vmdk", n+1) }

func (i Image) withDefaults() Image {
	if i.KubernetesVersion == "" {
		i.KubernetesVersion = "1.37.2"
	}
	if i.DiskBytes == 0 {
		i.DiskBytes = 64 << 10
	}
	if i.CapacityGB == 0 {
		i.CapacityGB = 20
	}
	if i.Algorithm == "" {
		i.Algorithm = "SHA256"
	}
	if i.Disks == 0 {
		i.Disks = 1
	}
	if i.GuestID == "" {
		i.GuestID = "ubuntu64Guest"
	}
	if i.AnnouncedFor == 0 {
		i.AnnouncedFor = i.DiskBytes
	}
	return i
}

func (i Image) manifest(files []file) (string, error) {
	algorithms := map[string]func() hash.Hash{"SHA1": sha1.New, "SHA256": sha256.New, "SHA512": sha512.New}
	algorithm := algorithms[i.Algorithm]
	if algorithm == nil {
		return "", nil
	}
	var lines strings.Builder
	for n, f := range files {
		sum := algorithm()
		if _, err := io.Copy(sum, f.open()); err != nil {
			return "", err
		}
		digest := hex.EncodeToString(sum.Sum(nil))
		if i.WrongDigest && n > 0 {
			digest = strings.Repeat("0", len(digest))
		}
		fmt.Fprintf(&lines, "%s(%s)= %s\n", i.Algorithm, f.name, digest)
	}
	return lines.String(), nil
}

// disk begins as a disk that is packed for a stream does, and holds no data.
type disk struct{ at, size int64 }

func newDisk(size int64) io.Reader { return &disk{size: size} }

// Read implements io.Reader.
func (d *disk) Read(p []byte) (int, error) {
	const magic = "KDMV"
	if d.at >= d.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), d.size-d.at)]
	for i := range p {
		at := d.at + int64(i)
		if at < int64(len(magic)) {
			p[i] = magic[at]
		} else {
			p[i] = byte(at >> 9)
		}
	}
	d.at += int64(len(p))
	return len(p), nil
}

// descriptor is the OVF, with what clones must not have: vApp properties, a drive, a network.
func (i Image) descriptor() string {
	var references, disks, items strings.Builder
	for n := range i.Disks {
		compression := ""
		if i.Compression != "" {
			compression = fmt.Sprintf(` ovf:compression=%q`, i.Compression)
		}
		fmt.Fprintf(&references, `<File ovf:href=%q ovf:id="file%d" ovf:size="%d"%s/>`, diskName(n), n, i.AnnouncedFor, compression)
		fmt.Fprintf(&disks, `<Disk ovf:capacity="%d" ovf:capacityAllocationUnits="byte * 2^30" ovf:diskId="vmdisk%d" ovf:fileRef="file%d"
      ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>`, i.CapacityGB, n, n)
		fmt.Fprintf(&items, `<Item><rasd:AddressOnParent>%d</rasd:AddressOnParent><rasd:ElementName>disk%d</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk%d</rasd:HostResource><rasd:InstanceID>%d</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>`, n, n, n, 10+n)
	}
	if i.Hardware != "" {
		fmt.Fprintf(&items, `<Item><rasd:ElementName>odd</rasd:ElementName><rasd:InstanceID>90</rasd:InstanceID>
        <rasd:ResourceType>%s</rasd:ResourceType></Item>`, i.Hardware)
	}
	system := fmt.Sprintf(virtualSystem, i.GuestID, i.KubernetesVersion, items.String())
	if i.Collection {
		system = `<VirtualSystemCollection ovf:id="all"><Info>VMs</Info>` + system + `</VirtualSystemCollection>`
	}
	return fmt.Sprintf(envelope, references.String(), disks.String(), system)
}

const envelope = `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
  xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>%s</References>
  <DiskSection><Info>disks</Info>%s</DiskSection>
  <NetworkSection><Info>networks</Info><Network ovf:name="nic0"/></NetworkSection>
  %s
</Envelope>`

const virtualSystem = `<VirtualSystem ovf:id="node"><Info>a machine</Info><Name>node</Name>
    <OperatingSystemSection ovf:id="94" vmw:osType=%q><Info>guest</Info></OperatingSystemSection>
    <ProductSection><Info>options</Info><Product>Kubernetes node</Product>
      <Property ovf:key="user-data" ovf:type="string" ovf:userConfigurable="true"/></ProductSection>
    <VirtualHardwareSection ovf:transport="com.vmware.guestInfo"><Info>hardware</Info>
      <System>
        <vssd:ElementName>hw</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>node</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-19</vssd:VirtualSystemType>
      </System>
      <Item><rasd:ElementName>cpu</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>mem</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>4096</rasd:VirtualQuantity></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:ElementName>scsi</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:ElementName>ide</rasd:ElementName><rasd:InstanceID>4</rasd:InstanceID>
        <rasd:ResourceType>5</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>cdrom</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID><rasd:Parent>4</rasd:Parent><rasd:ResourceType>15</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>7</rasd:AddressOnParent><rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>nic0</rasd:Connection><rasd:ElementName>nic</rasd:ElementName><rasd:InstanceID>6</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
      <vmw:ExtraConfig ovf:required="false" vmw:key="gantry.kubernetes-version" vmw:value=%q/>
      %s
    </VirtualHardwareSection>
  </VirtualSystem>`
