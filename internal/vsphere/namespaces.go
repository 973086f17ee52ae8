package vsphere

import (
	"context"
	"path"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// On vSAN and vVols a folder at the top of a datastore is an object, a namespace, that has
// an id and shows a name. The file manager does not make or delete it (capability
// topLevelDirectoryCreateSupported of the vSphere API; vmware/vic #1623 has its error
// "cannot delete file"): the namespace manager does, by the stable path, which ends with
// the id. The name is a hint, so that files are written by the stable path, too.

// hasNamespaces reports whether folders at the top of a datastore, of which the capability
// was read, are namespaces.
func hasNamespaces(datastore properties) bool {
	supported := value[types.DatastoreCapability](datastore, "capability").TopLevelDirectoryCreateSupported
	return supported != nil && !*supported
}

// makeNamespace makes the folder unless it is there, and resolves its path. It needs the
// privilege Datastore.Config.
func (c *Client) makeNamespace(ctx context.Context, f *datastoreFolder) error {
	var stable string
	res, err := methods.CreateDirectory(ctx, c.soap, &types.CreateDirectory{
		This: *c.soap.content.DatastoreNamespaceManager, Datastore: f.datastore, DisplayName: f.name,
	})
	switch {
	case err == nil:
		stable = res.Returnval
	case isFault[*types.FileAlreadyExists](err):
		stable, err = c.stablePath(ctx, f)
	}
	if err == nil {
		f.name = path.Base(stable)
	}
	return err
}

// deleteNamespace deletes the folder. One that is gone is success.
func (c *Client) deleteNamespace(ctx context.Context, f *datastoreFolder) error {
	stable, err := c.stablePath(ctx, f)
	if err == nil {
		_, err = methods.DeleteDirectory(ctx, c.soap, &types.DeleteDirectory{
			This: *c.soap.content.DatastoreNamespaceManager, Datacenter: &f.datacenter, DatastorePath: stable,
		})
	}
	if isFault[*types.FileNotFound](err) || isFault[*types.InvalidDatastorePath](err) {
		return nil
	}
	return err
}

// stablePath is the path of the folder that holds whatever the folder is called.
func (c *Client) stablePath(ctx context.Context, f *datastoreFolder) (string, error) {
	res, err := methods.ConvertNamespacePathToUuidPath(ctx, c.soap, &types.ConvertNamespacePathToUuidPath{
		This: *c.soap.content.DatastoreNamespaceManager, Datacenter: &f.datacenter,
		NamespaceUrl: strings.TrimSuffix(f.url, "/") + "/" + f.name,
	})
	if err != nil {
		return "", err
	}
	return res.Returnval, nil
}
