package simulator

import (
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/pbm"
	"github.com/vmware/govmomi/pbm/methods"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// policiesPrivilege is what an account needs on the root object to see storage policies.
const policiesPrivilege = "StorageProfile.View"

// The managers of the policy service that calls go to.
var (
	profileManager    = types.ManagedObjectReference{Type: "PbmProfileProfileManager", Value: "ProfileManager"}
	complianceManager = types.ManagedObjectReference{Type: "PbmComplianceManager", Value: "complianceManager"}
	placementSolver   = types.ManagedObjectReference{Type: "PbmPlacementSolver", Value: "placementSolver"}
)

// policyService is vCenter's service for storage policies. vcsim's own takes everything for
// compatible and writes a variable of its package when it is made, so that two simulators in
// one process would race.
type policyService struct {
	s *Simulator

	mu       sync.Mutex // of what follows
	policies []storagePolicy
	machines map[types.ManagedObjectReference]machinePolicies
}

// machinePolicies are the ids of the policies of a machine: of its home, and of its disks by
// their keys.
type machinePolicies struct {
	home  string
	disks map[int32]string
}

type storagePolicy struct {
	StoragePolicy
	id string
}

// registry has the service as calls reach it.
func (p *policyService) registry() *vcsim.Registry {
	r := vcsim.NewRegistry()
	r.Namespace = pbm.Namespace
	r.Path = pbm.Path
	r.Cookie = vcsim.SOAPCookie
	r.Put(&policyInstance{ManagedObjectReference: pbm.ServiceInstance})
	r.Put(&policyProfiles{ManagedObjectReference: profileManager, service: p})
	r.Put(&policyCompliance{ManagedObjectReference: complianceManager, service: p})
	r.Put(&policyPlacement{ManagedObjectReference: placementSolver, service: p})
	return r
}

func newPolicyService(s *Simulator) *policyService {
	p := &policyService{s: s, machines: map[types.ManagedObjectReference]machinePolicies{}}
	for _, policy := range s.opts.Inventory.StoragePolicies {
		p.policies = append(p.policies, storagePolicy{policy, uuid.NewString()})
	}
	return p
}

// deny returns NoPermission where the session's account may not see storage policies.
func (p *policyService) deny(ctx *vcsim.Context) soap.HasFault {
	own := *p.s.service.Context
	p.s.inventory.RLock()
	defer p.s.inventory.RUnlock()
	root := serviceContent(&own).RootFolder
	if p.s.granted(&own, sessionUser(ctx), policiesPrivilege, root) {
		return nil
	}
	return refuse(&types.NoPermission{Object: &root, PrivilegeId: policiesPrivilege})
}

// named is the policy of an id.
func (p *policyService) named(id string) (storagePolicy, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.policies, func(policy storagePolicy) bool { return policy.id == id })
	if i < 0 {
		return storagePolicy{}, false
	}
	return p.policies[i], true
}

type policyInstance struct{ types.ManagedObjectReference }

// PbmRetrieveServiceContent names the managers.
func (*policyInstance) PbmRetrieveServiceContent(*pbmtypes.PbmRetrieveServiceContent) soap.HasFault {
	return &methods.PbmRetrieveServiceContentBody{Res: &pbmtypes.PbmRetrieveServiceContentResponse{
		Returnval: pbmtypes.PbmServiceInstanceContent{
			AboutInfo:      pbmtypes.PbmAboutInfo{Name: "PBM", Version: "2.0", InstanceUuid: uuid.NewString()},
			ProfileManager: profileManager, ComplianceManager: complianceManager, PlacementSolver: placementSolver,
		},
	}}
}

type policyProfiles struct {
	types.ManagedObjectReference
	service *policyService
}

// PbmQueryProfile lists the ids of the policies for VMs.
func (m *policyProfiles) PbmQueryProfile(ctx *vcsim.Context, req *pbmtypes.PbmQueryProfile) soap.HasFault {
	if denied := m.service.deny(ctx); denied != nil {
		return denied
	}
	res := &pbmtypes.PbmQueryProfileResponse{}
	if req.ResourceType.ResourceType == string(pbmtypes.PbmProfileResourceTypeEnumSTORAGE) {
		m.service.mu.Lock()
		defer m.service.mu.Unlock()
		for _, policy := range m.service.policies {
			res.Returnval = append(res.Returnval, pbmtypes.PbmProfileId{UniqueId: policy.id})
		}
	}
	return &methods.PbmQueryProfileBody{Res: res}
}

// PbmRetrieveContent describes policies. All of them have to be there.
func (m *policyProfiles) PbmRetrieveContent(ctx *vcsim.Context, req *pbmtypes.PbmRetrieveContent) soap.HasFault {
	if denied := m.service.deny(ctx); denied != nil {
		return denied
	}
	res := &pbmtypes.PbmRetrieveContentResponse{}
	for _, id := range req.ProfileIds {
		policy, ok := m.service.named(id.UniqueId)
		if !ok {
			return refuse(invalidArgument("profileIds"))
		}
		res.Returnval = append(res.Returnval, &pbmtypes.PbmCapabilityProfile{
			PbmProfile:      pbmtypes.PbmProfile{ProfileId: id, Name: policy.Name},
			ProfileCategory: string(pbmtypes.PbmProfileCategoryEnumREQUIREMENT),
			ResourceType:    pbmtypes.PbmProfileResourceType{ResourceType: string(pbmtypes.PbmProfileResourceTypeEnumSTORAGE)},
		})
	}
	return &methods.PbmRetrieveContentBody{Res: res}
}

type policyPlacement struct {
	types.ManagedObjectReference
	service *policyService
}

// PbmCheckRequirements says of each of the hubs whether it is compatible with a policy.
func (m *policyPlacement) PbmCheckRequirements(ctx *vcsim.Context, req *pbmtypes.PbmCheckRequirements) soap.HasFault {
	if denied := m.service.deny(ctx); denied != nil {
		return denied
	}
	own := *m.service.s.service.Context
	m.service.s.inventory.RLock()
	defer m.service.s.inventory.RUnlock()
	res := &pbmtypes.PbmCheckRequirementsResponse{}
	for _, hub := range req.HubsToSearch {
		result := pbmtypes.PbmPlacementCompatibilityResult{Hub: hub}
		name := entityName(&own, types.ManagedObjectReference{Type: hub.HubType, Value: hub.HubId})
		for _, wanted := range req.PlacementSubjectRequirement {
			requirement, ok := wanted.(*pbmtypes.PbmPlacementCapabilityProfileRequirement)
			if !ok {
				return refuse(invalidArgument("placementSubjectRequirement"))
			}
			policy, ok := m.service.named(requirement.ProfileId.UniqueId)
			if !ok {
				return refuse(invalidArgument("placementSubjectRequirement.profileId"))
			}
			if !slices.Contains(policy.Datastores, name) {
				result.Error = append(result.Error, types.LocalizedMethodFault{
					Fault: &pbmtypes.PbmCompatibilityCheckFault{Hub: hub}, LocalizedMessage: "The datastore is not compatible with the policy.",
				})
			}
		}
		res.Returnval = append(res.Returnval, result)
	}
	return &methods.PbmCheckRequirementsBody{Res: res}
}
