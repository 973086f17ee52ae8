package vsphere

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// BeginImport implements model.VCenter. It takes two calls, and one a look at the lease until
// it is ready.
func (c *Client) BeginImport(ctx context.Context, req model.ImportRequest) (model.ImageUpload, error) {
	defer c.site.changed()
	op := fmt.Sprintf("import the image %q", req.Image.Template)
	spec, err := c.importSpec(ctx, req)
	if err != nil {
		return nil, c.failed(op, err)
	}
	call, err := c.importCall(req, spec)
	if err != nil {
		return nil, c.failed(op, err)
	}
	res, err := methods.ImportVApp(ctx, c.soap, call)
	if err != nil {
		return nil, c.failed(op, err)
	}
	u := &imageUpload{c: c, op: op, lease: res.Returnval, files: map[string]uploadTo{}, stall: hostStall}
	info, err := u.awaitReady(ctx)
	if err == nil {
		err = u.addFiles(info, spec.FileItem)
	}
	if err != nil {
		return nil, errors.Join(c.failed(op, err), u.abort(context.WithoutCancel(ctx)))
	}
	u.keepAlive(ctx, time.Duration(info.LeaseTimeout)*time.Second)
	return u, nil
}

// importSpec has vCenter make a specification of the OVF, and takes from it what nodes must
// not have.
func (c *Client) importSpec(ctx context.Context, req model.ImportRequest) (*types.OvfCreateImportSpecResult, error) {
	envelope, err := readEnvelope(req.Descriptor)
	if err != nil {
		return nil, err
	}
	pool, err := parseRef("", req.Placement.ResourcePool)
	if err != nil {
		return nil, err
	}
	datastore, err := parseRef("Datastore", req.Placement.Datastore)
	if err != nil {
		return nil, err
	}
	network, err := parseRef("", req.Placement.Network.Ref)
	if err != nil {
		return nil, err
	}
	params := types.OvfCreateImportSpecParams{
		OvfManagerCommonParams: types.OvfManagerCommonParams{Locale: "en_US"},
		EntityName:             req.Image.Template,
		DiskProvisioning:       string(types.OvfCreateImportSpecParamsDiskProvisioningTypeThin),
	}
	if envelope.Network != nil {
		for _, n := range envelope.Network.Networks {
			params.NetworkMapping = append(params.NetworkMapping, types.OvfNetworkMapping{Name: n.Name, Network: network})
		}
	}
	if c.soap.content.OvfManager == nil {
		return nil, &Error{Reason: "vCenter has no OVF manager"}
	}
	res, err := methods.CreateImportSpec(ctx, c.soap, &types.CreateImportSpec{
		This: *c.soap.content.OvfManager, OvfDescriptor: string(req.Descriptor),
		ResourcePool: pool, Datastore: datastore, Cisp: &params,
	})
	if err != nil {
		return nil, err
	}
	if err := c.refusedOVF(res.Returnval.Error); err != nil {
		return nil, err
	}
	return &res.Returnval, cleanSpec(&res.Returnval, req)
}

// refusedOVF says what vCenter does not support of an OVF.
func (c *Client) refusedOVF(faults []types.LocalizedMethodFault) error {
	if len(faults) == 0 {
		return nil
	}
	var reasons []string
	for _, f := range faults {
		reasons = append(reasons, faultText(f.Fault, f.LocalizedMessage))
	}
	return &Error{
		Reason: "vCenter does not support what its OVF asks for: " + strings.Join(reasons, "; "),
		Advice: "use an OVA that was made for this version of vSphere",
	}
}

// readEnvelope refuses an OVF of which no node image can be made.
func readEnvelope(descriptor []byte) (*ovf.Envelope, error) {
	unusable := func(format string, args ...any) error {
		return &Error{Reason: "its OVF makes no node image: " + fmt.Sprintf(format, args...), Advice: "use another OVA"}
	}
	e, err := ovf.Unmarshal(bytes.NewReader(descriptor))
	if err != nil {
		return nil, unusable("it cannot be read: %v", err)
	}
	switch {
	case e.VirtualSystemCollection != nil:
		return nil, unusable("it describes several VMs")
	case e.VirtualSystem == nil || len(e.VirtualSystem.VirtualHardware) == 0:
		return nil, unusable("it describes no VM")
	case e.Disk == nil || len(e.Disk.Disks) == 0:
		return nil, unusable("it has no disk")
	case len(e.Disk.Disks) > 1:
		return nil, unusable("it has %d disks, and a node has the one that it boots from", len(e.Disk.Disks))
	case e.Disk.Disks[0].FileRef == nil:
		return nil, unusable("its disk is empty")
	}
	for _, f := range e.References {
		switch {
		case f.Compression != nil && *f.Compression != "" && *f.Compression != "identity":
			return nil, unusable("its file %q is compressed with %s", f.Href, *f.Compression)
		case f.ChunkSize != nil && *f.ChunkSize > 0:
			return nil, unusable("its file %q is in several parts", f.Href)
		case path.Base(f.Href) != f.Href:
			return nil, unusable("its file %q is not in the archive itself", f.Href)
		}
	}
	if os := e.VirtualSystem.OperatingSystem; os != nil {
		id, name := text(os.OSType), text(os.Description)
		if guestFamilyOf(id, name) == guestForeign {
			return nil, unusable("its guest system is %s, and nodes run Linux", guestWords(id, name))
		}
	}
	return e, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// cleanSpec marks the VM as one that is being imported, and leaves out of it what clones must
// not have: vApp options, which make cloud-init look there for its data, network cards, and
// drives and ports that tie a VM to its host.
func cleanSpec(result *types.OvfCreateImportSpecResult, req model.ImportRequest) error {
	spec, ok := result.ImportSpec.(*types.VirtualMachineImportSpec)
	if !ok {
		return &Error{Reason: "its OVF describes a vApp, and no VM", Advice: "use an OVA of one VM"}
	}
	importing := markerOfImage(req.Image)
	importing.Importing = true
	marker, err := importing.option()
	if err != nil {
		return err
	}
	config := &spec.ConfigSpec
	config.VAppConfig = nil
	config.ExtraConfig = append(config.ExtraConfig, marker)
	config.Annotation = fmt.Sprintf("Node image, imported by Gantry. SHA-256 of the OVA: %s", req.Image.OVA.SHA256)
	config.DeviceChange = slices.DeleteFunc(config.DeviceChange, func(change types.BaseVirtualDeviceConfigSpec) bool {
		return foreignToNodes(change.GetVirtualDeviceConfigSpec().Device)
	})
	return nil
}

// foreignToNodes reports whether clones must not have a device.
func foreignToNodes(device types.BaseVirtualDevice) bool {
	switch device.(type) {
	case types.BaseVirtualEthernetCard, *types.VirtualCdrom, *types.VirtualFloppy, *types.VirtualSerialPort,
		*types.VirtualParallelPort, types.BaseVirtualSoundCard, *types.VirtualUSB:
		return true
	}
	return false
}

func (c *Client) importCall(req model.ImportRequest, spec *types.OvfCreateImportSpecResult) (*types.ImportVApp, error) {
	pool, err := parseRef("", req.Placement.ResourcePool)
	if err != nil {
		return nil, err
	}
	folder, err := parseRef("Folder", req.Folder)
	if err != nil {
		return nil, err
	}
	host, err := c.site.hosts.any(req.Placement)
	if err != nil {
		return nil, err
	}
	return &types.ImportVApp{This: pool, Spec: spec.ImportSpec, Folder: &folder, Host: host}, nil
}

// uploadTo is where a file of the archive is uploaded to.
type uploadTo struct {
	url        *url.URL
	thumbprint string
	create     bool // by PUT
	size       int64
}

// addFiles notes where which file goes. A device of which no file is known is an error: it
// would be left empty.
func (u *imageUpload) addFiles(info *types.HttpNfcLeaseInfo, items []types.OvfFileItem) error {
	u.vm = info.Entity
	for _, item := range items {
		i := slices.IndexFunc(info.DeviceUrl, func(d types.HttpNfcLeaseDeviceUrl) bool { return d.ImportKey == item.DeviceId })
		if i < 0 {
			continue // a drive that was left out
		}
		to, err := u.c.soap.client.ParseURL(info.DeviceUrl[i].Url)
		if err != nil {
			return fmt.Errorf("vCenter says no URL to upload %q to: %w", item.Path, err)
		}
		u.files[path.Base(item.Path)] = uploadTo{
			url: to, thumbprint: info.DeviceUrl[i].SslThumbprint, create: item.Create, size: item.Size,
		}
	}
	if len(u.files) == 0 {
		return &Error{Reason: "vCenter takes no file of the OVA"}
	}
	return nil
}

// imageSnapshot is the name of the snapshot of an image.
const imageSnapshot = "gantry"

// SnapshotImage implements model.VCenter.
func (c *Client) SnapshotImage(ctx context.Context, vm string) (string, error) {
	defer c.site.changed()
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	op := operation{name: "take the snapshot of the image " + c.path(ref)}
	res, err := methods.CreateSnapshot_Task(ctx, c.soap, &types.CreateSnapshot_Task{
		This: ref, Name: imageSnapshot, Description: "Linked clones are made of it.",
	})
	if err != nil {
		return "", c.failed(op.name, err)
	}
	return c.started(res.Returnval, op), nil
}

// MarkAsTemplate implements model.VCenter.
func (c *Client) MarkAsTemplate(ctx context.Context, vm string) error {
	defer c.site.changed()
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return err
	}
	_, err = methods.MarkAsTemplate(ctx, c.soap, &types.MarkAsTemplate{This: ref})
	if err == nil {
		return nil
	}
	found, rerr := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref},
		map[string][]string{"VirtualMachine": {"config.template"}}))
	if rerr == nil && len(found) == 1 && value[bool](found[0], "config.template") {
		return nil
	}
	return c.failed("make a template of "+c.path(ref), err)
}
