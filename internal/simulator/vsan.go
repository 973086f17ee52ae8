package simulator

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/object"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const configureDatastore = "Datastore.Config"

// MakeVSAN makes a datastore one of vSAN, whose folders at the top are objects of its own:
// the file manager neither makes nor deletes them. It is for an empty datastore.
func (s *Simulator) MakeVSAN(datastore string) error {
	own := *s.service.Context
	s.inventory.Lock()
	defer s.inventory.Unlock()
	ds := s.datastore(&own, datastore)
	if ds == nil {
		return fmt.Errorf("no datastore %q", datastore)
	}
	own.WithLock(ds, func() {
		ds.Summary.Type = string(types.HostFileSystemVolumeFileSystemTypeVsan)
		ds.Summary.Url += "/" // as vCenter writes it
		ds.Capability.TopLevelDirectoryCreateSupported = types.NewBool(false)
	})
	return nil
}

// refuseTopLevel is what the file manager says about folders at the top of a datastore
// that supports none, which plain vcsim makes and deletes.
func (s *Simulator) refuseTopLevel(ctx *vcsim.Context, body any) fault {
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	top := func(name string) bool {
		var p object.DatastorePath
		if !p.FromString(name) || strings.Contains(strings.Trim(p.Path, "/"), "/") {
			return false
		}
		ds := s.datastore(ctx, p.Datastore)
		return ds != nil && ds.Summary.Type == string(types.HostFileSystemVolumeFileSystemTypeVsan)
	}
	switch req := body.(type) {
	case *types.MakeDirectory:
		if top(req.Name) {
			return &types.CannotCreateFile{FileFault: types.FileFault{File: req.Name}}
		}
	case *types.DeleteDatastoreFile_Task:
		if top(req.Name) {
			return &types.CannotDeleteFile{FileFault: types.FileFault{File: req.Name}}
		}
	}
	return nil
}
