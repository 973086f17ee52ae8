package simulator

import (
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/object"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	datastorePrefix = "/folder/"

	browsePrivilege = "Datastore.Browse"
	filesPrivilege  = "Datastore.FileManagement"
)

// serveDatastore is vCenter's access to the files of datastores. vcsim's own lets everyone
// in, makes folders that are missing, and knows neither privileges nor full datastores.
func (s *Simulator) serveDatastore(w http.ResponseWriter, r *http.Request) {
	user, ok := s.soapUser(r)
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	ctx := *s.service.Context
	ds := s.datastore(&ctx, r.URL.Query().Get("dsName"))
	if ds == nil || !s.isDatacenter(&ctx, r.URL.Query().Get("dcPath")) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	privilege := filesPrivilege
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		privilege = browsePrivilege
	}
	s.inventory.RLock()
	granted := s.granted(&ctx, user, privilege, ds.Self)
	full := ds.Summary.FreeSpace <= 0
	s.inventory.RUnlock()
	if !granted {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if r.Method == http.MethodPut {
		into := path.Join(ds.Summary.Url, path.Dir(strings.TrimPrefix(r.URL.Path, datastorePrefix)))
		if info, err := os.Stat(into); err != nil || !info.IsDir() {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if full {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	s.service.ServeDatastore(w, r)
}

// soapUser is the account of the SOAP session whose cookie a request carries.
func (s *Simulator) soapUser(r *http.Request) (string, bool) {
	cookie, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return "", false
	}
	for _, session := range s.soapSessions() {
		if session.Key == strings.Trim(cookie.Value, `"`) {
			return session.UserName, true
		}
	}
	return "", false
}

func (s *Simulator) datastore(ctx *vcsim.Context, name string) *vcsim.Datastore {
	for _, e := range ctx.Map.All("Datastore") {
		if ds, ok := e.(*vcsim.Datastore); ok && ds.Name == name {
			return ds
		}
	}
	return nil
}

func (s *Simulator) isDatacenter(ctx *vcsim.Context, dcPath string) bool {
	for _, e := range ctx.Map.All("Datacenter") {
		if strings.Trim(inventoryPath(ctx, e.Reference()), "/") == strings.Trim(dcPath, "/") {
			return true
		}
	}
	return false
}

// denyFiles returns NoPermission if the account lacks a privilege on the datastore of a
// file that a call changes or lists.
func (s *Simulator) denyFiles(ctx *vcsim.Context, user string, body any) fault {
	privilege := filesPrivilege
	var files []string
	switch req := body.(type) {
	case *types.MakeDirectory:
		files = []string{req.Name}
	case *types.DeleteDatastoreFile_Task:
		files = []string{req.Name}
	case *types.MoveDatastoreFile_Task:
		files = []string{req.SourceName, req.DestinationName}
	case *types.CreateDirectory:
		if !s.granted(ctx, user, configureDatastore, req.Datastore) {
			return &types.NoPermission{Object: &req.Datastore, PrivilegeId: configureDatastore}
		}
	case *types.SearchDatastore_Task:
		privilege, files = browsePrivilege, []string{req.DatastorePath}
	}
	for _, file := range files {
		var p object.DatastorePath
		if !p.FromString(file) {
			continue // the call fails
		}
		if ds := s.datastore(ctx, p.Datastore); ds != nil && !s.granted(ctx, user, privilege, ds.Self) {
			return &types.NoPermission{Object: &ds.Self, PrivilegeId: privilege}
		}
	}
	return nil
}

// foldersOnDatastore lists the folders of Gantry at the top of a datastore, by where they
// are on this machine: the datastore may get another name.
func foldersOnDatastore(ds *vcsim.Datastore) []string {
	found, _ := filepath.Glob(filepath.Join(ds.Summary.Url, "gantry-*"))
	return found
}

// DatastoreFiles lists the files and folders in a folder of a datastore, by name; none
// where there is no such folder.
func (s *Simulator) DatastoreFiles(datastore, folder string) map[string][]byte {
	ctx := *s.service.Context
	ds := s.datastore(&ctx, datastore)
	if ds == nil {
		return nil
	}
	dir := path.Join(ds.Summary.Url, folder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		files[entry.Name()], _ = os.ReadFile(path.Join(dir, entry.Name()))
	}
	return files
}
