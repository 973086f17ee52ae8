package vsphere_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// vm reads a VM with a client of its own.
func (v *vcenter) vm(ref string) mo.VirtualMachine {
	v.t.Helper()
	var vm mo.VirtualMachine
	v.admin(func(client *govmomi.Client) {
		v.must(property.DefaultCollector(client.Client).RetrieveOne(v.t.Context(), reference(ref), nil, &vm))
	})
	return vm
}

func option(vm mo.VirtualMachine, key string) string {
	for _, o := range vm.Config.ExtraConfig {
		if v := o.GetOptionValue(); v.Key == key {
			s, _ := v.Value.(string)
			return s
		}
	}
	return ""
}

func TestCloneIsOneCallThatSetsEverything(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	req := request(site, "prod-cp-1", func(r *model.CloneRequest) {
		r.CPU, r.MemoryGB, r.DiskGB = 4, 8, 60
		r.GuestInfo = map[string]string{"guestinfo.metadata": "bWV0YQ==", "guestinfo.metadata.encoding": "base64"}
	})
	var task string
	calls := v.calls(func() {
		var err error
		task, err = v.client.Clone(t.Context(), req)
		v.must(err)
	})
	if calls.Total != 1 || calls.SOAP["CloneVM_Task"] != 1 {
		t.Fatalf("a clone took %+v", calls)
	}
	state := v.finish(task)
	v.must(state.Err)
	vm := v.vm(state.VM)
	if vm.Config.InstanceUuid != req.UUID || vm.Config.Annotation != req.Notes ||
		vm.Config.Hardware.NumCPU != 4 || vm.Config.Hardware.MemoryMB != 8192 {
		t.Fatalf("config %s", asJSON(t, vm.Config))
	}
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff || vm.Config.Template {
		t.Fatalf("runtime %+v", vm.Runtime)
	}
	if got := option(vm, "disk.EnableUUID"); got != "TRUE" {
		t.Fatalf("disk.EnableUUID = %q", got)
	}
	for _, o := range vm.Config.ExtraConfig {
		if v := o.GetOptionValue(); strings.HasPrefix(v.Key, "guestinfo.gantry.") {
			t.Errorf("the clone has what the template's guest has reported: %s = %v", v.Key, v.Value)
		}
	}
	if got := option(vm, "guestinfo.metadata"); got != "bWV0YQ==" {
		t.Fatalf("metadata %q", got)
	}
	var marker model.Marker
	v.must(json.Unmarshal([]byte(option(vm, "gantry.node")), &marker))
	if asJSON(t, marker) != asJSON(t, req.Marker) {
		t.Fatalf("marker %+v", marker)
	}
	var nics, disks int
	for _, d := range vm.Config.Hardware.Device {
		switch device := d.(type) {
		case *types.VirtualDisk:
			disks++
			if device.CapacityInBytes != 60<<30 {
				t.Fatalf("disk of %d bytes", device.CapacityInBytes)
			}
		case *types.VirtualVmxnet3:
			nics++
			port := device.Backing.(*types.VirtualEthernetCardDistributedVirtualPortBackingInfo).Port
			if port.PortgroupKey != req.Placement.Network.PortgroupKey {
				t.Fatalf("port %+v", port)
			}
			if device.AddressType != string(types.VirtualEthernetCardMacTypeManual) || device.MacAddress != req.MAC {
				t.Fatalf("MAC address %s (%s), want %s", device.MacAddress, device.AddressType, req.MAC)
			}
		case types.BaseVirtualEthernetCard:
			t.Fatalf("an adapter of the template is left: %T", d)
		}
	}
	if nics != 1 || disks != 1 {
		t.Fatalf("%d adapters, %d disks", nics, disks)
	}
	if vm.Config.VAppConfig != nil {
		t.Fatal("the vApp options are left")
	}
}

func TestCloneOnAStandardNetwork(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site(func(n *model.Names) { placed(func(p *model.Placement) { p.Network = "VM Network" })(n) })
	vm := v.vm(v.clone(request(site, "prod-cp-1")))
	for _, d := range vm.Config.Hardware.Device {
		if nic, ok := d.(*types.VirtualVmxnet3); ok {
			if b := nic.Backing.(*types.VirtualEthernetCardNetworkBackingInfo); b.DeviceName != "VM Network" {
				t.Fatalf("backing %+v", b)
			}
			return
		}
	}
	t.Fatal("no adapter")
}

func TestLinkedClone(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	linked := func(r *model.CloneRequest) { r.Mode = model.CloneLinked }
	ref := v.clone(request(site, "prod-cp-1", linked))
	vm := v.vm(ref)
	for _, d := range vm.Config.Hardware.Device {
		if disk, ok := d.(*types.VirtualDisk); ok && disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).Parent == nil {
			t.Fatal("the disk of a linked clone has no parent")
		}
	}
	if s := v.survey(nil); len(s.Machines) != 1 {
		t.Fatalf("machines %+v", s.Machines)
	}
	if disks := v.disks(ref); len(disks) != 1 || !disks[0].Owned {
		t.Fatalf("disks %+v", disks)
	}
	for name, test := range map[string]struct {
		change func(*model.CloneRequest)
		want   string
	}{
		"larger":      {func(r *model.CloneRequest) { r.DiskGB = 60 }, "clone_mode"},
		"smaller":     {func(r *model.CloneRequest) { r.DiskGB = 10 }, "cannot shrink"},
		"no snapshot": {func(r *model.CloneRequest) { r.Template.Snapshot = "" }, "snapshot"},
	} {
		_, err := v.client.Clone(t.Context(), request(site, "prod-cp-2", linked, test.change))
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "prod-cp-2") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// A cluster's machines are built with its cloud account's identity, while the
// survey is the provider's.
func TestCloneByAnIdentityThatHasSurveyedNothing(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) { o.Users = map[string]string{"team-a@vsphere.local": "team-a-secret"} })
	site := v.site()
	c := v.config()
	c.Username, c.Password = "team-a@vsphere.local", "team-a-secret"
	for name, pool := range map[string]*vsphere.Sessions{"of the same pool": v.pool, "of another process": {}} {
		builder, err := pool.Get(t.Context(), c)
		v.must(err)
		want := 1
		if pool != v.pool {
			want = 2 // it reads the template's devices itself, once
		}
		calls := v.calls(func() {
			_, err := builder.Clone(t.Context(), request(site, "node-"+name))
			v.must(err)
		})
		if calls.Total != want {
			t.Errorf("%s: %d calls, want %d: %+v", name, calls.Total, want, calls)
		}
		v.must(pool.LogoutAll(t.Context()))
	}
}

func TestCloneFailures(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	v.clone(request(site, "taken"))
	fail := func(name string) error {
		task, err := v.client.Clone(t.Context(), request(site, name))
		if err != nil {
			return err
		}
		return v.finish(task).Err
	}
	err := fail("taken")
	if !errors.Is(err, model.ErrExists) || model.Transient(err) || !strings.Contains(err.Error(), `"/dc-1/vm/templates/gantry-node-1.37.2"`) {
		t.Fatalf("duplicate name: %v", err)
	}
	v.must(v.SetFreeSpace("shared-1", 1<<20))
	if err = fail("full"); err == nil || model.Transient(err) || !strings.Contains(err.Error(), `datastore "shared-1" is full`) {
		t.Fatalf("full datastore: %v", err)
	}
	v.must(v.SetFreeSpace("shared-1", 1<<42))
	for _, fault := range []string{
		"TaskInProgress", "ResourceInUse", "HostCommunication", "HostNotConnected", "HostNotReachable",
		"FileLocked", "ConcurrentAccess",
	} {
		for _, kind := range []simulator.FaultKind{simulator.FailTask, simulator.RefuseCall} {
			v.must(v.AddFault(simulator.Fault{Kind: kind, Call: "CloneVM_Task", Fault: fault}))
			if err = fail("transient"); !model.Transient(err) || !strings.Contains(err.Error(), `clone "/dc-1/vm/k8s/transient" from`) {
				t.Errorf("%s %s: %v", kind, fault, err)
			}
		}
	}
	v.DenyPrivilege("", "VirtualMachine.Provisioning.DeployTemplate")
	if err = fail("denied"); !errors.Is(err, model.ErrPermission) || model.Transient(err) ||
		!strings.Contains(err.Error(), "VirtualMachine.Provisioning.DeployTemplate on \"/dc-1/vm/templates/gantry-node-1.37.2\"") ||
		!strings.Contains(err.Error(), v.Username()) {
		t.Fatalf("denied: %v", err)
	}
}
