package simulator

import (
	"fmt"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// grant is a role that a user has on an object.
type grant struct {
	user       string
	privileges map[string]bool
	propagates bool
	global     bool
	object     types.ManagedObjectReference
}

// Grant gives a user a role on the objects with some inventory paths, / among them, or on
// GlobalPermission, and on what is below them where the role propagates. A user who was
// granted anything has that alone. As in vCenter, every role has System.View and
// System.Read, and of several objects above another one, the nearest with a role counts.
func (s *Simulator) Grant(user string, privileges []string, propagates bool, objects ...string) error {
	for _, object := range objects {
		g := grant{
			user: user, propagates: propagates, global: object == GlobalPermission,
			privileges: map[string]bool{"System.Anonymous": true, viewPrivilege: true, readPrivilege: true},
		}
		for _, id := range privileges {
			g.privileges[id] = true
		}
		if !g.global {
			var err error
			if g.object, err = s.objectAt(object); err != nil {
				return err
			}
		}
		s.privileges.give(g)
	}
	return nil
}

// objectAt is the object with an inventory path.
func (s *Simulator) objectAt(path string) (types.ManagedObjectReference, error) {
	own := *s.service.Context
	if path == "/" {
		return serviceContent(&own).RootFolder, nil
	}
	res := s.serially(&own, func(ctx *vcsim.Context) soap.HasFault {
		return ctx.Map.SearchIndex().FindByInventoryPath(ctx, &types.FindByInventoryPath{InventoryPath: path})
	})
	found := res.(*methods.FindByInventoryPathBody).Res
	if found == nil || found.Returnval == nil {
		return types.ManagedObjectReference{}, fmt.Errorf("no object %q", path)
	}
	return *found.Returnval, nil
}

func (p *privileges) give(g grant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grants = append(p.grants, g)
}

// grantsOf lists what a user was granted; limited is false for one who has everything.
func (p *privileges) grantsOf(user string) (grants []grant, limited bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.grants {
		if strings.EqualFold(g.user, user) {
			grants = append(grants, g)
		}
	}
	return grants, len(grants) > 0
}

// grantedBy reports whether a user's roles have a privilege on an object. The inventory is
// locked.
func (p *privileges) grantedBy(ctx *vcsim.Context, user, privilege string, ref types.ManagedObjectReference) bool {
	grants, limited := p.grantsOf(user)
	if !limited {
		return true
	}
	for at, own := ref, true; ; own = false {
		found, has := false, false
		for _, g := range grants {
			if !g.global && g.object == at && (own || g.propagates) {
				found = true
				has = has || g.privileges[privilege]
			}
		}
		if found {
			return has
		}
		above, ok := parentOf(ctx, at)
		if !ok {
			return grantedGlobally(grants, privilege)
		}
		at = above
	}
}

func grantedGlobally(grants []grant, privilege string) bool {
	for _, g := range grants {
		if g.global && g.privileges[privilege] {
			return true
		}
	}
	return false
}

// parentOf is the object above another one in the inventory.
func parentOf(ctx *vcsim.Context, ref types.ManagedObjectReference) (types.ManagedObjectReference, bool) {
	entity, ok := ctx.Map.Get(ref).(mo.Entity)
	if !ok {
		return ref, false
	}
	parent := entity.Entity().Parent
	if vm, isVM := entity.(*vcsim.VirtualMachine); isVM && parent == nil {
		parent = vm.ParentVApp
	}
	if parent == nil {
		return ref, false
	}
	return *parent, true
}
