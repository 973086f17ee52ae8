package vsphere

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// grants are what a client has read of privileges, so that clusters which are planned at
// the same moment, on the same objects, ask once.
type grants struct {
	mu    sync.Mutex
	known map[grantKey]grantRead
}

type grantKey struct {
	user   string // empty: the session's own
	object types.ManagedObjectReference
}

type grantRead struct {
	at      time.Time
	granted map[string]bool // by id
}

// Lacks implements model.VCenter.
func (c *Client) Lacks(ctx context.Context, req model.PrivilegeRequest) (map[string][]string, error) {
	const op = "read privileges"
	asked := map[types.ManagedObjectReference][]string{}
	for object, ids := range req.Objects {
		ref, err := parseRef("", object)
		if err != nil {
			return nil, err
		}
		asked[ref] = ids
	}
	granted, err := c.granted(ctx, req.User, asked, req.MaxAge)
	if err != nil {
		return nil, c.failed(op, err)
	}
	lacks := map[string][]string{}
	for ref, has := range granted {
		lacks[ref.String()] = slices.DeleteFunc(slices.Clone(asked[ref]), func(id string) bool { return has[id] })
	}
	return lacks, nil
}

// RootFolder is the reference of vCenter's root object. It needs no call beyond the login's.
func (c *Client) RootFolder() string { return c.soap.content.RootFolder.String() }

// granted returns which of the privileges a user has, by object. It is one call at most; one
// that waits for another one's call shares what that has read.
func (c *Client) granted(
	ctx context.Context, user string, asked map[types.ManagedObjectReference][]string, maxAge time.Duration,
) (map[types.ManagedObjectReference]map[string]bool, error) {
	g := &c.privileges
	g.mu.Lock()
	defer g.mu.Unlock()
	result := map[types.ManagedObjectReference]map[string]bool{}
	var entities []types.ManagedObjectReference
	ids := map[string]bool{}
	for ref, wanted := range asked {
		read, ok := g.known[grantKey{user, ref}]
		unread := func(id string) bool { _, known := read.granted[id]; return !known }
		if ok && time.Since(read.at) < maxAge && !slices.ContainsFunc(wanted, unread) {
			result[ref] = read.granted
			continue
		}
		entities = append(entities, ref)
		for _, id := range wanted {
			ids[id] = true
		}
	}
	found, err := c.askPrivileges(ctx, user, entities, slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return nil, err
	}
	if g.known == nil {
		g.known = map[grantKey]grantRead{}
	}
	for _, entity := range found {
		has := make(map[string]bool, len(entity.PrivAvailability))
		for _, p := range entity.PrivAvailability {
			has[p.PrivId] = p.IsGranted
		}
		g.known[grantKey{user, entity.Entity}] = grantRead{at: time.Now(), granted: has}
		result[entity.Entity] = has
	}
	return result, nil
}

// askPrivileges asks vCenter. It refuses the whole call for an object that is gone or may
// not be seen: then the others are asked for without it.
func (c *Client) askPrivileges(
	ctx context.Context, user string, entities []types.ManagedObjectReference, ids []string,
) ([]types.EntityPrivilege, error) {
	for len(entities) > 0 {
		found, err := c.askUser(ctx, user, entities, ids)
		fault, _ := methodFault(err)
		refused := types.ManagedObjectReference{}
		switch f := fault.(type) {
		case *types.ManagedObjectNotFound:
			refused = f.Obj
		case *types.NoPermission:
			if f.Object != nil {
				refused = *f.Object
			}
		}
		if !slices.Contains(entities, refused) {
			return found, err
		}
		entities = slices.DeleteFunc(entities, func(ref types.ManagedObjectReference) bool { return ref == refused })
	}
	return nil, nil
}

func (c *Client) askUser(
	ctx context.Context, user string, entities []types.ManagedObjectReference, ids []string,
) ([]types.EntityPrivilege, error) {
	manager := *c.soap.content.AuthorizationManager
	if user == "" {
		res, err := methods.HasPrivilegeOnEntities(ctx, c.soap, &types.HasPrivilegeOnEntities{
			This: manager, Entity: entities, SessionId: c.soap.sessionKey(), PrivId: ids,
		})
		if err != nil {
			return nil, err
		}
		return res.Returnval, nil
	}
	res, err := methods.HasUserPrivilegeOnEntities(ctx, c.soap, &types.HasUserPrivilegeOnEntities{
		This: manager, Entities: entities, UserName: user, PrivId: ids,
	})
	if err != nil {
		return nil, err
	}
	return res.Returnval, nil
}

// LacksForFiles implements model.VCenter.
func (c *Client) LacksForFiles(ctx context.Context, user, datastore string) ([]string, error) {
	const op = "read the privileges on a datastore"
	ref, err := parseRef("Datastore", datastore)
	if err != nil {
		return nil, err
	}
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref}, map[string][]string{"Datastore": {"capability"}}))
	if err != nil || len(found) == 0 {
		return nil, c.failed(op, err)
	}
	privileges := []string{"Datastore.Browse", "Datastore.FileManagement"}
	if hasNamespaces(found[0]) {
		privileges = append(privileges, "Datastore.Config")
	}
	lacks, err := c.Lacks(ctx, model.PrivilegeRequest{User: user, Objects: map[string][]string{datastore: privileges}})
	return lacks[datastore], err
}
