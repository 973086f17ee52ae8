package vsphere

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/pbm"
	"github.com/vmware/govmomi/pbm/methods"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// policyService is the service for storage policies, which stands beside vCenter's own and
// takes its sessions.
type policyService struct {
	session *soapSession
	client  *soap.Client

	mu      sync.Mutex
	content *pbmtypes.PbmServiceInstanceContent // nil: not read yet
}

func newPolicyService(s *soapSession) *policyService {
	p := &policyService{session: s, client: s.client.NewServiceClient(pbm.Path, pbm.Namespace)}
	p.client.Client = http.Client{Transport: s.client.Transport, Jar: s.jar}
	// It reads the session from the envelope, and not from the cookie.
	p.client.Cookie = func() *soap.HeaderElement {
		cookies := s.jar.Cookies(s.client.URL())
		i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == soap.SessionCookieName })
		if i < 0 {
			return nil
		}
		return &soap.HeaderElement{Value: cookies[i].Value}
	}
	return p
}

// RoundTrip implements soap.RoundTripper. All calls are reads.
func (p *policyService) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	return p.session.roundTrip(ctx, func(ctx context.Context) error {
		return resend(ctx, p.session.config.Server, func() error { return p.client.RoundTrip(ctx, req, res) })
	}, res)
}

// managers are the objects that calls go to; one call, once.
func (p *policyService) managers(ctx context.Context) (*pbmtypes.PbmServiceInstanceContent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.content != nil {
		return p.content, nil
	}
	res, err := methods.PbmRetrieveServiceContent(ctx, p, &pbmtypes.PbmRetrieveServiceContent{This: pbm.ServiceInstance})
	if err != nil {
		return nil, err
	}
	p.content = &res.Returnval
	return p.content, nil
}

// storagePolicy is a policy that VMs can have.
type storagePolicy struct{ id, name string }

// list lists the policies that VMs can have, by name; two calls.
func (p *policyService) list(ctx context.Context) ([]storagePolicy, error) {
	m, err := p.managers(ctx)
	if err != nil {
		return nil, err
	}
	found, err := methods.PbmQueryProfile(ctx, p, &pbmtypes.PbmQueryProfile{
		This:            m.ProfileManager,
		ResourceType:    pbmtypes.PbmProfileResourceType{ResourceType: string(pbmtypes.PbmProfileResourceTypeEnumSTORAGE)},
		ProfileCategory: string(pbmtypes.PbmProfileCategoryEnumREQUIREMENT),
	})
	if err != nil || len(found.Returnval) == 0 {
		return nil, err
	}
	contents, err := methods.PbmRetrieveContent(ctx, p, &pbmtypes.PbmRetrieveContent{This: m.ProfileManager, ProfileIds: found.Returnval})
	if err != nil {
		return nil, err
	}
	var policies []storagePolicy
	for _, content := range contents.Returnval {
		if content == nil {
			continue // of a kind that this version of its API does not know
		}
		profile := content.GetPbmProfile()
		policies = append(policies, storagePolicy{profile.ProfileId.UniqueId, profile.Name})
	}
	slices.SortFunc(policies, func(a, b storagePolicy) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id))
	})
	return policies, nil
}

// compatible are those of the datastores that are compatible with a policy; one call.
func (p *policyService) compatible(ctx context.Context, policy string, datastores []*node) (datastoreSet, error) {
	m, err := p.managers(ctx)
	if err != nil {
		return nil, err
	}
	var hubs []pbmtypes.PbmPlacementHub
	for _, n := range datastores {
		hubs = append(hubs, pbmtypes.PbmPlacementHub{HubType: n.ref.Type, HubId: n.ref.Value})
	}
	res, err := methods.PbmCheckRequirements(ctx, p, &pbmtypes.PbmCheckRequirements{
		This:         m.PlacementSolver,
		HubsToSearch: hubs,
		PlacementSubjectRequirement: []pbmtypes.BasePbmPlacementRequirement{
			&pbmtypes.PbmPlacementCapabilityProfileRequirement{ProfileId: pbmtypes.PbmProfileId{UniqueId: policy}},
		},
	})
	if err != nil {
		return nil, err
	}
	fit := datastoreSet{}
	for _, result := range res.Returnval {
		if len(result.Error) == 0 {
			fit[types.ManagedObjectReference{Type: result.Hub.HubType, Value: result.Hub.HubId}] = true
		}
	}
	return fit, nil
}

// StorageCompliance implements model.VCenter.
func (c *Client) StorageCompliance(ctx context.Context, vms []string) (map[string]model.StorageCompliance, error) {
	const op = "read whether VMs comply with their storage policies"
	m, err := c.policies.managers(ctx)
	if err != nil {
		return nil, c.failed(op, err)
	}
	refs, err := parseRefs(vms)
	if err != nil {
		return nil, c.failed(op, err)
	}
	req := &pbmtypes.PbmFetchRollupComplianceResult{This: m.ComplianceManager}
	for _, ref := range refs {
		req.Entity = append(req.Entity, pbmtypes.PbmServerObjectRef{ObjectType: string(pbmtypes.PbmObjectTypeVirtualMachine), Key: ref.Value})
	}
	res, err := methods.PbmFetchRollupComplianceResult(ctx, c.policies, req)
	if err != nil {
		return nil, c.failed(op, err)
	}
	found := map[string]model.StorageCompliance{}
	for _, result := range res.Returnval {
		ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: result.Entity.Key}
		found[ref.String()] = complianceOf(result.OverallComplianceStatus)
	}
	return found, nil
}

// complianceOf reads vCenter's word. An out-of-date VM has another version of the policy than
// vCenter.
func complianceOf(status string) model.StorageCompliance {
	switch pbmtypes.PbmComplianceStatus(status) {
	case pbmtypes.PbmComplianceStatusCompliant:
		return model.StorageCompliant
	case pbmtypes.PbmComplianceStatusNonCompliant:
		return model.StorageNotCompliant
	case pbmtypes.PbmComplianceStatusOutOfDate:
		return model.StorageOutOfDate
	default:
		return model.StorageUnknown
	}
}
