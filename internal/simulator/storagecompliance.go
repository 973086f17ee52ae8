package simulator

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vmware/govmomi/pbm/methods"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type policyCompliance struct {
	types.ManagedObjectReference
	service *policyService
}

// PbmFetchRollupComplianceResult says of each machine whether its home and its disks comply.
// Only what has a policy counts; a machine without one is not applicable.
func (m *policyCompliance) PbmFetchRollupComplianceResult(
	ctx *vcsim.Context, req *pbmtypes.PbmFetchRollupComplianceResult,
) soap.HasFault {
	if denied := m.service.deny(ctx); denied != nil {
		return denied
	}
	own := *m.service.s.service.Context
	m.service.s.inventory.RLock()
	defer m.service.s.inventory.RUnlock()
	res := &pbmtypes.PbmFetchRollupComplianceResultResponse{}
	for _, entity := range req.Entity {
		vm, ok := get[*vcsim.VirtualMachine](&own, types.ManagedObjectReference{Type: "VirtualMachine", Value: entity.Key})
		if entity.ObjectType != string(pbmtypes.PbmObjectTypeVirtualMachine) || !ok {
			return refuse(invalidArgument("entity"))
		}
		res.Returnval = append(res.Returnval, pbmtypes.PbmRollupComplianceResult{
			OldestCheckTime:         time.Now(),
			Entity:                  entity,
			OverallComplianceStatus: string(m.service.status(&own, vm)),
		})
	}
	return &methods.PbmFetchRollupComplianceResultBody{Res: res}
}

// status is whether a machine complies.
func (p *policyService) status(ctx *vcsim.Context, vm *vcsim.VirtualMachine) pbmtypes.PbmComplianceStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	has := p.machines[vm.Self]
	ids := slices.Collect(maps.Values(has.disks))
	if has.home != "" {
		ids = append(ids, has.home)
	}
	if len(ids) == 0 {
		return pbmtypes.PbmComplianceStatusNotApplicable
	}
	for _, id := range ids {
		i := slices.IndexFunc(p.policies, func(policy storagePolicy) bool { return policy.id == id })
		for _, datastore := range vm.Datastore {
			if i < 0 || !slices.Contains(p.policies[i].Datastores, entityName(ctx, datastore)) {
				return pbmtypes.PbmComplianceStatusNonCompliant
			}
		}
	}
	return pbmtypes.PbmComplianceStatusCompliant
}

// policies are what the clone's specification gives the machine. A profile has to be there.
func (c *cloning) policies() (machinePolicies, fault) {
	var wanted machinePolicies
	var err fault
	if wanted.home, err = c.policy(c.req.Spec.Location.Profile, "spec.location.profile"); err != nil {
		return wanted, err
	}
	wanted.disks = map[int32]string{}
	for i, locator := range c.req.Spec.Location.Disk {
		at := fmt.Sprintf("spec.location.disk[%d]", i)
		isDisk := slices.ContainsFunc(c.source.Config.Hardware.Device, func(d types.BaseVirtualDevice) bool {
			_, ok := d.(*types.VirtualDisk)
			return ok && d.GetVirtualDevice().Key == locator.DiskId
		})
		if !isDisk {
			return wanted, invalidArgument(at + ".diskId")
		}
		if locator.Datastore != c.datastore.Self {
			return wanted, new(types.NotSupported) // disks of one machine on several datastores
		}
		id, err := c.policy(locator.Profile, at+".profile")
		if err != nil {
			return wanted, err
		}
		if id != "" {
			wanted.disks[locator.DiskId] = id
		}
	}
	return wanted, nil
}

// policy is the id of a profile; empty where none is asked for.
func (c *cloning) policy(profiles []types.BaseVirtualMachineProfileSpec, at string) (string, fault) {
	if len(profiles) == 0 {
		return "", nil
	}
	profile, ok := profiles[0].(*types.VirtualMachineDefinedProfileSpec)
	if !ok || len(profiles) > 1 {
		return "", invalidArgument(at)
	}
	if _, ok := c.s.policies.named(profile.ProfileId); !ok {
		return "", invalidArgument(at)
	}
	return profile.ProfileId, nil
}

func (p *policyService) give(vm types.ManagedObjectReference, policies machinePolicies) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.machines[vm] = policies
}

// SetStoragePolicy changes which datastores are compatible with a policy, or its name.
func (s *Simulator) SetStoragePolicy(name string, now StoragePolicy) error {
	s.policies.mu.Lock()
	defer s.policies.mu.Unlock()
	for i := range s.policies.policies {
		if s.policies.policies[i].Name == name {
			s.policies.policies[i].StoragePolicy = now
			return nil
		}
	}
	return fmt.Errorf("there is no storage policy %q", name)
}

// StoragePoliciesOf are the names of the policies of a VM's home and of each of its disks; an
// empty one for a disk without.
func (s *Simulator) StoragePoliciesOf(name string) (home string, disks []string) {
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	s.policies.mu.Lock()
	defer s.policies.mu.Unlock()
	nameOf := func(id string) string {
		for _, policy := range s.policies.policies {
			if policy.id == id {
				return policy.Name
			}
		}
		return ""
	}
	for _, e := range s.registry.All("VirtualMachine") {
		vm, ok := e.(*vcsim.VirtualMachine)
		if !ok || vm.Name != name {
			continue
		}
		has := s.policies.machines[vm.Self]
		for _, d := range vm.Config.Hardware.Device {
			if disk, ok := d.(*types.VirtualDisk); ok {
				disks = append(disks, nameOf(has.disks[disk.Key]))
			}
		}
		return nameOf(has.home), disks
	}
	return "", nil
}
