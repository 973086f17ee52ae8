package simulator

import (
	"slices"
	"strings"
	"sync"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// The privileges without which an account does not see that an object exists, and
// without which it sees its name and nothing else.
const (
	viewPrivilege = "System.View"
	readPrivilege = "System.Read"
)

// GlobalPermission is what a privilege on tags and tag categories is taken from:
// permissions on inventory objects do not count for them.
const GlobalPermission = "global permission"

// privileges are what was given to whom, and what was taken. Everything else is granted.
type privileges struct {
	mu     sync.Mutex
	denied []denial
	grants []grant
}

type denial struct {
	user      string // empty: every account
	privilege string
	// What it was taken on: all that there is, the global permission alone, or one
	// object and what is below it.
	everywhere bool
	global     bool
	object     types.ManagedObjectReference
}

func (p *privileges) add(d denial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denied = append(p.denied, d)
}

func (p *privileges) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denied = nil
	p.grants = nil
}

func (p *privileges) any() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.denied)+len(p.grants) > 0
}

// of lists what was taken of a privilege from a user.
func (p *privileges) of(user, privilege string) []denial {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []denial
	for _, d := range p.denied {
		if (d.user == "" || strings.EqualFold(d.user, user)) && d.privilege == privilege {
			list = append(list, d)
		}
	}
	return list
}

// globally reports whether a user has a privilege on tags and their categories.
func (p *privileges) globally(user, privilege string) bool {
	if grants, limited := p.grantsOf(user); limited && !grantedGlobally(grants, privilege) {
		return false
	}
	return !slices.ContainsFunc(p.of(user, privilege), func(d denial) bool { return d.everywhere || d.global })
}

// granted reports whether a user has a privilege on an object. The inventory is
// locked.
func (s *Simulator) granted(ctx *vcsim.Context, user, privilege string, ref types.ManagedObjectReference) bool {
	return s.privileges.grantedBy(ctx, user, privilege, ref) &&
		!slices.ContainsFunc(s.privileges.of(user, privilege), func(d denial) bool {
			return d.everywhere || !d.global && within(ctx, ref, d.object)
		})
}

// within reports whether an object is another one or lies below it.
func within(ctx *vcsim.Context, ref, above types.ManagedObjectReference) bool {
	for {
		if ref == above {
			return true
		}
		parent, ok := parentOf(ctx, ref)
		if !ok {
			return false
		}
		ref = parent
	}
}

func isEntity(ctx *vcsim.Context, ref types.ManagedObjectReference) bool {
	_, ok := ctx.Map.Get(ref).(mo.Entity)
	return ok
}

// visible reports whether the session's account may see that an object exists. The
// inventory is locked.
func (s *Simulator) visible(ctx *vcsim.Context, ref types.ManagedObjectReference) bool {
	return !isEntity(ctx, ref) || s.granted(ctx, sessionUser(ctx), viewPrivilege, ref)
}

// namedObjects are the objects that a read asks for by reference.
func namedObjects(specs []types.PropertyFilterSpec) map[types.ManagedObjectReference]bool {
	named := map[types.ManagedObjectReference]bool{}
	for _, spec := range specs {
		for _, object := range spec.ObjectSet {
			named[object.Obj] = true
		}
	}
	return named
}

// permit leaves out of a read what the session's account may not see. An object that
// it asked for by reference is there, and NoPermission in the place of each property.
// The inventory is locked.
func (s *Simulator) permit(
	ctx *vcsim.Context, named map[types.ManagedObjectReference]bool, objects []types.ObjectContent,
) []types.ObjectContent {
	if !s.privileges.any() {
		return objects
	}
	var permitted []types.ObjectContent
	for _, o := range objects {
		switch {
		case !isEntity(ctx, o.Obj):
			o.PropSet = s.visibleReferences(ctx, o.PropSet)
		case !s.visible(ctx, o.Obj):
			if !named[o.Obj] {
				continue
			}
			withhold(&o, viewPrivilege)
		case !s.granted(ctx, sessionUser(ctx), readPrivilege, o.Obj):
			withhold(&o, readPrivilege, "name", "parent")
		default:
			o.PropSet = s.visibleReferences(ctx, o.PropSet)
		}
		permitted = append(permitted, o)
	}
	return permitted
}

// withhold puts NoPermission in the place of all properties but some.
func withhold(o *types.ObjectContent, privilege string, but ...string) {
	var left []types.DynamicProperty
	var paths []string
	for _, p := range o.PropSet {
		if slices.Contains(but, p.Name) {
			left = append(left, p)
		} else {
			paths = append(paths, p.Name)
		}
	}
	for _, m := range o.MissingSet {
		paths = append(paths, m.Path)
	}
	if len(paths) == 0 && len(left) == 0 {
		paths = []string{"name"}
	}
	object := o.Obj
	o.PropSet = left
	o.MissingSet = nil
	for _, path := range paths {
		o.MissingSet = append(o.MissingSet, types.MissingProperty{Path: path, Fault: types.LocalizedMethodFault{
			Fault:            &types.NoPermission{Object: &object, PrivilegeId: privilege},
			LocalizedMessage: "Permission to perform this operation was denied.",
		}})
	}
}

// visibleReferences leaves out of lists of references what the account may not see.
func (s *Simulator) visibleReferences(ctx *vcsim.Context, properties []types.DynamicProperty) []types.DynamicProperty {
	properties = slices.Clone(properties)
	for i, p := range properties {
		if list, ok := p.Val.(types.ArrayOfManagedObjectReference); ok {
			list.ManagedObjectReference = slices.DeleteFunc(slices.Clone(list.ManagedObjectReference),
				func(ref types.ManagedObjectReference) bool { return !s.visible(ctx, ref) })
			properties[i].Val = list
		}
	}
	return properties
}

// found leaves out of what a search found what the account may not see: it finds
// nothing then, and no fault says that there is something.
func (s *Simulator) found(ctx *vcsim.Context, res soap.HasFault) soap.HasFault {
	if !s.privileges.any() || res.Fault() != nil {
		return res
	}
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	one := func(ref **types.ManagedObjectReference) {
		if *ref != nil && !s.visible(ctx, **ref) {
			*ref = nil
		}
	}
	all := func(refs *[]types.ManagedObjectReference) {
		*refs = slices.DeleteFunc(*refs, func(ref types.ManagedObjectReference) bool { return !s.visible(ctx, ref) })
	}
	switch body := res.(type) {
	case *methods.FindByInventoryPathBody:
		one(&body.Res.Returnval)
	case *methods.FindByUuidBody:
		one(&body.Res.Returnval)
	case *methods.FindChildBody:
		one(&body.Res.Returnval)
	case *methods.FindByDatastorePathBody:
		one(&body.Res.Returnval)
	case *methods.FindByIpBody:
		one(&body.Res.Returnval)
	case *methods.FindAllByUuidBody:
		all(&body.Res.Returnval)
	case *methods.FindAllByIpBody:
		all(&body.Res.Returnval)
	}
	return res
}

// DenyPrivilege takes a privilege from a user, or from everyone where user is
// empty: calls that need it fail with NoPermission.
func (s *Simulator) DenyPrivilege(user, privilege string) {
	s.privileges.add(denial{user: user, privilege: privilege, everywhere: true})
}

// DenyPrivilegeOn takes a privilege on the object with an inventory path, and on all
// that is below it, or on GlobalPermission. Without System.View an account does not see
// an object at all, and without System.Read its name alone.
func (s *Simulator) DenyPrivilegeOn(user, privilege, object string) error {
	d := denial{user: user, privilege: privilege, global: object == GlobalPermission}
	if !d.global {
		var err error
		if d.object, err = s.objectAt(object); err != nil {
			return err
		}
	}
	s.privileges.add(d)
	return nil
}

// RestorePrivileges gives all privileges back, and makes Grant undone.
func (s *Simulator) RestorePrivileges() { s.privileges.clear() }
