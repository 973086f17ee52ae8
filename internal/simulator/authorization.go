package simulator

import (
	"slices"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// HasPrivilegeOnEntities reports the privileges of the session's account.
func (o *overrides) HasPrivilegeOnEntities(ctx *vcsim.Context, req *types.HasPrivilegeOnEntities) soap.HasFault {
	granted, f := o.availability(ctx, sessionUser(ctx), req.Entity, req.PrivId)
	if f != nil {
		return refuse(f)
	}
	return &methods.HasPrivilegeOnEntitiesBody{Res: &types.HasPrivilegeOnEntitiesResponse{Returnval: granted}}
}

// HasUserPrivilegeOnEntities reports the privileges of the named account. Of one that is
// named without its domain, it reports nothing.
func (o *overrides) HasUserPrivilegeOnEntities(ctx *vcsim.Context, req *types.HasUserPrivilegeOnEntities) soap.HasFault {
	granted, f := o.availability(ctx, req.UserName, req.Entities, req.PrivId)
	if f != nil {
		return refuse(f)
	}
	if !strings.ContainsAny(req.UserName, `@\`) {
		granted = nil
	}
	return &methods.HasUserPrivilegeOnEntitiesBody{Res: &types.HasUserPrivilegeOnEntitiesResponse{Returnval: granted}}
}

// availability reports what a user may do on some objects. Whoever asks has to see each of
// them.
func (o *overrides) availability(
	ctx *vcsim.Context, user string, entities []types.ManagedObjectReference, ids []string,
) ([]types.EntityPrivilege, fault) {
	o.s.inventory.RLock()
	defer o.s.inventory.RUnlock()
	answer := make([]types.EntityPrivilege, 0, len(entities))
	for _, entity := range entities {
		if ctx.Map.Get(entity) == nil {
			return nil, &types.ManagedObjectNotFound{Obj: entity}
		}
		if !o.s.visible(ctx, entity) {
			return nil, &types.NoPermission{Object: &entity, PrivilegeId: viewPrivilege}
		}
		e := types.EntityPrivilege{Entity: entity}
		for _, id := range ids {
			e.PrivAvailability = append(e.PrivAvailability, types.PrivilegeAvailability{
				PrivId: id, IsGranted: o.s.granted(ctx, user, id, entity),
			})
		}
		answer = append(answer, e)
	}
	return answer, nil
}

// HasPrivilegeOnEntity reports the privileges of the session's account.
func (o *overrides) HasPrivilegeOnEntity(ctx *vcsim.Context, req *types.HasPrivilegeOnEntity) soap.HasFault {
	o.s.inventory.RLock()
	defer o.s.inventory.RUnlock()
	granted := make([]bool, len(req.PrivId))
	for i, id := range req.PrivId {
		granted[i] = o.s.granted(ctx, sessionUser(ctx), id, req.Entity)
	}
	return &methods.HasPrivilegeOnEntityBody{Res: &types.HasPrivilegeOnEntityResponse{Returnval: granted}}
}

// FetchUserPrivilegeOnEntities lists what the named account may do.
func (o *overrides) FetchUserPrivilegeOnEntities(ctx *vcsim.Context, req *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	manager := ctx.Map.Get(*serviceContent(ctx).AuthorizationManager).(*vcsim.AuthorizationManager)
	body := manager.FetchUserPrivilegeOnEntities(req).(*methods.FetchUserPrivilegeOnEntitiesBody)
	o.s.inventory.RLock()
	defer o.s.inventory.RUnlock()
	for i := range body.Res.Returnval {
		r := &body.Res.Returnval[i]
		r.Privileges = slices.DeleteFunc(slices.Clone(r.Privileges), func(id string) bool {
			return !o.s.granted(ctx, req.UserName, id, r.Entity)
		})
	}
	return body
}
