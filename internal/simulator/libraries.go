package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"
)

const (
	contentPath      = "/rest/com/vmware/content/"
	ovfItemPath      = "/rest/com/vmware/vcenter/ovf/library-item/"
	templateItemPath = "/rest/vcenter/vm-template/library-items/"
)

// libraries are the content libraries. They take the place of vcsim's, whose deployments take
// no time, leave what has failed, and know neither licenses nor content that is not there.
type libraries struct {
	mu    sync.Mutex
	all   []*library
	under int // deployments under way
	asked map[string]*askedOnce

	atDeployment func() // is called when a deployment has made its VM; may be nil
}

type library struct {
	id    string
	has   Library
	items []*libraryItem
}

type libraryItem struct {
	id      string
	has     LibraryItem
	version int
	cached  bool
}

func newLibraries(all []Library) *libraries {
	l := &libraries{asked: map[string]*askedOnce{}}
	for _, has := range all {
		made := &library{id: uuid.NewString(), has: has}
		for _, item := range has.Items {
			if item.Type == "" {
				item.Type = "ovf"
				if item.Template != "" {
					item.Type = "vm-template"
				}
			}
			made.items = append(made.items, &libraryItem{id: uuid.NewString(), has: item, version: 1, cached: !item.WithoutContent})
		}
		l.all = append(l.all, made)
	}
	return l
}

// item finds an item by its id. The libraries are locked.
func (l *libraries) item(id string) (*library, *libraryItem) {
	for _, lib := range l.all {
		for _, item := range lib.items {
			if item.id == id {
				return lib, item
			}
		}
	}
	return nil, nil
}

// named finds an item by its name. The libraries are locked.
func (l *libraries) named(name string) (*library, *libraryItem, error) {
	for _, lib := range l.all {
		for _, item := range lib.items {
			if item.has.Name == name {
				return lib, item, nil
			}
		}
	}
	return nil, nil, fmt.Errorf("no item %q", name)
}

// PublishItem gives an item another version of its content, an OVF.
func (s *Simulator) PublishItem(name, descriptor string) error {
	s.libraries.mu.Lock()
	defer s.libraries.mu.Unlock()
	_, item, err := s.libraries.named(name)
	if err != nil {
		return err
	}
	item.has.Descriptor = descriptor
	item.version++
	return nil
}

// ReplaceItem deletes an item and makes another one under its name, an OVF, in its first version.
func (s *Simulator) ReplaceItem(name, descriptor string) error {
	s.libraries.mu.Lock()
	defer s.libraries.mu.Unlock()
	_, item, err := s.libraries.named(name)
	if err == nil {
		item.id = uuid.NewString()
		item.has.Descriptor = descriptor
		item.version = 1
	}
	return err
}

// DeleteItem deletes an item from its library.
func (s *Simulator) DeleteItem(name string) error {
	s.libraries.mu.Lock()
	defer s.libraries.mu.Unlock()
	lib, item, err := s.libraries.named(name)
	if err == nil {
		lib.items = slices.DeleteFunc(lib.items, func(i *libraryItem) bool { return i == item })
	}
	return err
}

// AtDeployment has a function called once each deployment of an item has made its VM, which
// is not whole yet.
func (s *Simulator) AtDeployment(do func()) {
	s.libraries.mu.Lock()
	defer s.libraries.mu.Unlock()
	s.libraries.atDeployment = do
}

// DeploymentsUnderWay counts the deployments of items that have begun and not ended.
func (s *Simulator) DeploymentsUnderWay() int {
	s.libraries.mu.Lock()
	defer s.libraries.mu.Unlock()
	return s.libraries.under
}

// libraryUser is the account of a call about libraries; what it may not do is responded to.
// Libraries are no objects of the inventory: what may be done with them is granted globally.
func (s *Simulator) libraryUser(w http.ResponseWriter, r *http.Request, privileges ...string) (string, bool) {
	_, user, ok := s.sessions.user(r)
	if !ok {
		restError(w, "unauthenticated")
		return "", false
	}
	for _, privilege := range privileges {
		if !s.privileges.globally(user, privilege) {
			restError(w, string(errUnauthorized))
			return "", false
		}
	}
	return user, true
}

// serveContent serves libraries and their items.
func (s *Simulator) serveContent(w http.ResponseWriter, r *http.Request) {
	user, ok := s.libraryUser(w, r)
	if !ok {
		return
	}
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	id = strings.TrimPrefix(id, "id:")
	reads := s.privileges.globally(user, readPrivilege)
	switch kind := r.Method + " " + restKind(r); kind {
	case "POST library?find", "POST item?find":
		s.findLibraries(w, r, kind == "POST item?find", reads)
	case "GET library/id", "GET item/id":
		if !reads {
			restError(w, string(errUnauthorized))
			return
		}
		s.showLibrary(w, id, kind == "GET item/id")
	case "POST subscribed-item/id?sync":
		if _, ok := s.libraryUser(w, r, readPrivilege, "ContentLibrary.SyncLibraryItem"); ok {
			s.syncItem(w, r, id)
		}
	default:
		restError(w, "operation_not_found")
	}
}

// findLibraries responds with the ids of what has a name, which is compared without its case.
// What an account may not read is left out.
func (s *Simulator) findLibraries(w http.ResponseWriter, r *http.Request, items, reads bool) {
	var find struct {
		Spec struct {
			Name      string `json:"name"`
			LibraryID string `json:"library_id"`
		} `json:"spec"`
	}
	if !decodeStrictly(w, r, &find) {
		return
	}
	s.libraries.mu.Lock()
	defer s.libraries.mu.Unlock()
	ids := []string{}
	for _, lib := range s.libraries.all {
		if !reads {
			break
		}
		if !items && strings.EqualFold(lib.has.Name, find.Spec.Name) {
			ids = append(ids, lib.id)
		}
		for _, item := range lib.items {
			if items && lib.id == find.Spec.LibraryID && strings.EqualFold(item.has.Name, find.Spec.Name) {
				ids = append(ids, item.id)
			}
		}
	}
	restValue(w, ids)
}

func (s *Simulator) showLibrary(w http.ResponseWriter, id string, item bool) {
	s.libraries.mu.Lock()
	defer s.libraries.mu.Unlock()
	if !item {
		i := slices.IndexFunc(s.libraries.all, func(l *library) bool { return l.id == id })
		if i < 0 {
			restError(w, "not_found")
			return
		}
		kind := "LOCAL"
		if s.libraries.all[i].has.Subscribed {
			kind = "SUBSCRIBED"
		}
		restValue(w, map[string]any{"id": id, "name": s.libraries.all[i].has.Name, "type": kind})
		return
	}
	lib, found := s.libraries.item(id)
	if found == nil {
		restError(w, "not_found")
		return
	}
	restValue(w, map[string]any{
		"id": id, "library_id": lib.id, "name": found.has.Name, "type": found.has.Type, "cached": found.cached,
		"content_version": strconv.Itoa(found.version), "version": strconv.Itoa(found.version), "metadata_version": "1",
	})
}

// syncItem begins to bring the content of an item into its library, and responds at once.
func (s *Simulator) syncItem(w http.ResponseWriter, r *http.Request, id string) {
	var sync struct {
		Force *bool `json:"force_sync_content"`
	}
	if !decodeStrictly(w, r, &sync) {
		return
	}
	s.libraries.mu.Lock()
	defer s.libraries.mu.Unlock()
	lib, item := s.libraries.item(id)
	switch {
	case item == nil:
		restError(w, "not_found")
		return
	case !lib.has.Subscribed:
		restError(w, "invalid_element_type")
		return
	case sync.Force == nil:
		restError(w, string(errInvalidArgument))
		return
	}
	restValue(w, nil)
	if !*sync.Force {
		return // what is known of the item alone
	}
	end := s.endOf("")
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		s.clock.wait(end, s.closed)
		s.libraries.mu.Lock()
		defer s.libraries.mu.Unlock()
		item.cached = true
	}()
}

// decodeStrictly refuses fields that vCenter does not know.
func decodeStrictly(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		restError(w, string(errInvalidArgument))
		return false
	}
	return true
}
