package simulator

import (
	"slices"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// RetrievePropertiesEx reads with the inventory locked against changes: vcsim
// follows traversal specs through objects that it has not locked.
func (o *overrides) RetrievePropertiesEx(ctx *vcsim.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	o.s.inventory.RLock()
	defer o.s.inventory.RUnlock()
	body := new(vcsim.PropertyCollector).RetrievePropertiesEx(ctx, req).(*methods.RetrievePropertiesExBody)
	if body.Res != nil && body.Res.Returnval != nil {
		page := body.Res.Returnval
		tidy(page.Objects)
		named := namedObjects(req.SpecSet)
		page.Objects = o.s.permit(ctx, named, page.Objects)
		o.s.remember(page.Token, named)
	}
	return body
}

// RetrieveProperties is RetrievePropertiesEx without paging.
func (o *overrides) RetrieveProperties(ctx *vcsim.Context, req *types.RetrieveProperties) soap.HasFault {
	o.s.inventory.RLock()
	defer o.s.inventory.RUnlock()
	body := new(vcsim.PropertyCollector).RetrieveProperties(ctx, req).(*methods.RetrievePropertiesBody)
	if body.Res != nil {
		tidy(body.Res.Returnval)
		body.Res.Returnval = o.s.permit(ctx, namedObjects(req.SpecSet), body.Res.Returnval)
	}
	return body
}

// ContinueRetrievePropertiesEx reads the next page.
func (o *overrides) ContinueRetrievePropertiesEx(ctx *vcsim.Context, req *types.ContinueRetrievePropertiesEx) soap.HasFault {
	body := new(vcsim.PropertyCollector).ContinueRetrievePropertiesEx(ctx, req).(*methods.ContinueRetrievePropertiesExBody)
	if body.Res != nil {
		o.s.inventory.RLock()
		defer o.s.inventory.RUnlock()
		page := &body.Res.Returnval
		tidy(page.Objects)
		stored, _ := o.s.pages.LoadAndDelete(req.Token)
		named, _ := stored.(map[types.ManagedObjectReference]bool)
		page.Objects = o.s.permit(ctx, named, page.Objects)
		o.s.remember(page.Token, named)
	}
	return body
}

// remember keeps for the next page which objects a read names.
func (s *Simulator) remember(token string, named map[types.ManagedObjectReference]bool) {
	if token != "" {
		s.pages.Store(token, named)
	}
}

// tidy leaves out what an object does not have. vcsim calls a keyed path
// invalid while the array is unset, and sends properties without a value on
// pages after the first.
func tidy(objects []types.ObjectContent) {
	for i := range objects {
		o := &objects[i]
		o.PropSet = slices.DeleteFunc(o.PropSet, func(p types.DynamicProperty) bool { return p.Val == nil })
		o.MissingSet = slices.DeleteFunc(o.MissingSet, func(p types.MissingProperty) bool {
			_, invalid := p.Fault.Fault.(*types.InvalidProperty)
			return invalid && strings.HasSuffix(p.Path, "]")
		})
		for j, p := range o.PropSet {
			if config, ok := p.Val.(*types.ClusterConfigInfoEx); ok {
				o.PropSet[j].Val = copyOfConfig(config)
			}
		}
	}
}

// copyOfConfig is the configuration of a compute cluster as it is now: vcsim writes an answer
// while the next change is made.
func copyOfConfig(config *types.ClusterConfigInfoEx) types.ClusterConfigInfoEx {
	shown := *config
	shown.Rule, shown.Group = nil, nil
	for _, info := range config.Rule {
		switch rule := info.(type) {
		case *types.ClusterAntiAffinityRuleSpec:
			copied := *rule
			copied.Vm = slices.Clone(rule.Vm)
			info = &copied
		case *types.ClusterAffinityRuleSpec:
			copied := *rule
			copied.Vm = slices.Clone(rule.Vm)
			info = &copied
		case *types.ClusterVmHostRuleInfo:
			copied := *rule
			info = &copied
		}
		shown.Rule = append(shown.Rule, info)
	}
	for _, info := range config.Group {
		if group, ok := info.(*types.ClusterVmGroup); ok {
			copied := *group
			copied.Vm = slices.Clone(group.Vm)
			info = &copied
		}
		shown.Group = append(shown.Group, info)
	}
	return shown
}

// CreateContainerView walks the inventory while nothing changes it.
func (o *overrides) CreateContainerView(ctx *vcsim.Context, req *types.CreateContainerView) soap.HasFault {
	return o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		return ctx.Map.ViewManager().CreateContainerView(ctx, req)
	})
}

// FindByInventoryPath runs alone: vcsim appends to the slices that it walks.
func (o *overrides) FindByInventoryPath(ctx *vcsim.Context, req *types.FindByInventoryPath) soap.HasFault {
	return o.s.found(ctx, o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		return ctx.Map.SearchIndex().FindByInventoryPath(ctx, req)
	}))
}

// FindChild runs alone, like FindByInventoryPath.
func (o *overrides) FindChild(ctx *vcsim.Context, req *types.FindChild) soap.HasFault {
	return o.s.found(ctx, o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		return ctx.Map.SearchIndex().FindChild(ctx, req)
	}))
}

// FindByUuid runs alone.
//
//nolint:revive,staticcheck // vcsim finds methods by their name in the API.
func (o *overrides) FindByUuid(ctx *vcsim.Context, req *types.FindByUuid) soap.HasFault {
	return o.s.found(ctx, o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		return ctx.Map.SearchIndex().FindByUuid(ctx, req)
	}))
}

// FindAllByUuid runs alone.
//
//nolint:revive,staticcheck // vcsim finds methods by their name in the API.
func (o *overrides) FindAllByUuid(ctx *vcsim.Context, req *types.FindAllByUuid) soap.HasFault {
	return o.s.found(ctx, o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		return ctx.Map.SearchIndex().FindAllByUuid(ctx, req)
	}))
}

// FindByDatastorePath runs alone.
func (o *overrides) FindByDatastorePath(ctx *vcsim.Context, req *types.FindByDatastorePath) soap.HasFault {
	return o.s.found(ctx, o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		return ctx.Map.SearchIndex().FindByDatastorePath(ctx, req)
	}))
}

// FindByIp runs alone.
//
//nolint:revive,staticcheck // vcsim finds methods by their name in the API.
func (o *overrides) FindByIp(ctx *vcsim.Context, req *types.FindByIp) soap.HasFault {
	return o.s.found(ctx, o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		return ctx.Map.SearchIndex().FindByIp(ctx, req)
	}))
}

// FindAllByIp runs alone.
//
//nolint:revive,staticcheck // vcsim finds methods by their name in the API.
func (o *overrides) FindAllByIp(ctx *vcsim.Context, req *types.FindAllByIp) soap.HasFault {
	return o.s.found(ctx, o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault {
		return ctx.Map.SearchIndex().FindAllByIp(ctx, req)
	}))
}

// entityName returns the name of an inventory object; empty for anything else.
func entityName(ctx *vcsim.Context, ref types.ManagedObjectReference) string {
	if e, ok := ctx.Map.Get(ref).(mo.Entity); ok {
		return e.Entity().Name
	}
	return ""
}

// child returns the folder's child of that name.
func child(ctx *vcsim.Context, folder *vcsim.Folder, name string) (types.ManagedObjectReference, bool) {
	for _, ref := range folder.ChildEntity {
		if entityName(ctx, ref) == name {
			return ref, true
		}
	}
	return types.ManagedObjectReference{}, false
}
