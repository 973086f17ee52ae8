package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"
)

const taggingPath = "/rest/com/vmware/cis/tagging/"

// wireObject is a managed object reference as the tagging service writes it.
type wireObject struct {
	Type  string `json:"type"`
	Value string `json:"id"`
}

func (o wireObject) reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: o.Type, Value: o.Value}
}

func wireObjects(refs []types.ManagedObjectReference) []wireObject {
	objects := make([]wireObject, 0, len(refs))
	for _, ref := range refs {
		objects = append(objects, wireObject{Type: ref.Type, Value: ref.Value})
	}
	return objects
}

// serveTagging serves vCenter's tagging API. It replaces vcsim's,
// which overwrites a tag whose id is created twice, knows no limits and takes
// tags of categories that do not exist.
func (s *Simulator) serveTagging(w http.ResponseWriter, r *http.Request) {
	_, user, ok := s.sessions.user(r)
	if !ok {
		restError(w, "unauthenticated")
		return
	}
	kind := restKind(r)
	if privilege := taggingNeeds[r.Method+" "+kind]; privilege != "" && !s.privileges.globally(user, privilege) {
		restError(w, string(errUnauthorized))
		return
	}
	if !s.privileges.globally(user, readPrivilege) {
		s.withoutTags(w, r, kind)
		return
	}
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	id = strings.TrimPrefix(id, "id:")

	resource, _, _ := strings.Cut(kind, "?")
	switch resource {
	case "category", "category/id":
		s.serveCategory(w, r, resource, id)
	case "tag", "tag/id":
		s.serveTag(w, r, resource, id)
	case "tag-association", "tag-association/id":
		s.serveAssociation(w, r, user, id)
	default:
		restError(w, "operation_not_found")
	}
}

// withoutTags answers an account that may read no tag: lists leave all of them out, and
// one that it names is refused.
func (s *Simulator) withoutTags(w http.ResponseWriter, r *http.Request, kind string) {
	switch r.Method + " " + kind {
	case "GET tag", "GET category", "POST tag/id?list-tags-for-category", "POST tag-association?list-attached-tags",
		"POST tag-association?list-attached-tags-on-objects", "POST tag-association?list-attached-objects-on-tags":
		restValue(w, []string{})
	default:
		restError(w, string(errUnauthorized))
	}
}

// readable reports whether an account may read all of some objects, as a list of what
// is attached to them needs.
func (s *Simulator) readable(user string, objects []wireObject) bool {
	own := *s.service.Context
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	return !slices.ContainsFunc(objects, func(o wireObject) bool { return !s.granted(&own, user, readPrivilege, o.reference()) })
}

// onlyReadable are those of some objects that an account may read: a list of what has a tag
// leaves the others out, and does not say so.
func (s *Simulator) onlyReadable(user string, objects []wireObject) []wireObject {
	return slices.DeleteFunc(objects, func(o wireObject) bool { return !s.readable(user, []wireObject{o}) })
}

// attachable reports whether an account may attach tags to an object, or detach them, as far
// as the object has a say in it: since vSphere 7.0, that is a privilege of its own.
func (s *Simulator) attachable(user string, object wireObject) bool {
	own := *s.service.Context
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	return s.granted(&own, user, "InventoryService.Tagging.ObjectAttachable", object.reference())
}

// taggingNeeds are the privileges of the tagging service's calls.
var taggingNeeds = map[string]string{
	"POST category":                  "InventoryService.Tagging.CreateCategory",
	"PATCH category/id":              "InventoryService.Tagging.EditCategory",
	"DELETE category/id":             "InventoryService.Tagging.DeleteCategory",
	"POST tag":                       "InventoryService.Tagging.CreateTag",
	"PATCH tag/id":                   "InventoryService.Tagging.EditTag",
	"DELETE tag/id":                  "InventoryService.Tagging.DeleteTag",
	"POST tag-association/id?attach": "InventoryService.Tagging.AttachTag",
	"POST tag-association/id?detach": "InventoryService.Tagging.AttachTag",

	"POST tag-association/id?attach-tag-to-multiple-objects":   "InventoryService.Tagging.AttachTag",
	"POST tag-association/id?detach-tag-from-multiple-objects": "InventoryService.Tagging.AttachTag",
}

func (s *Simulator) serveCategory(w http.ResponseWriter, r *http.Request, resource, id string) {
	switch r.Method + " " + resource {
	case "POST category":
		var spec struct {
			Category tags.Category `json:"create_spec"`
		}
		if decodeREST(w, r, &spec) {
			created, err := s.tags.createCategory(spec.Category)
			answer(w, created, err)
		}
	case "GET category":
		restValue(w, s.tags.categoryIDs())
	case "GET category/id":
		category, err := s.tags.category(id)
		answer(w, category, err)
	case "PATCH category/id":
		var spec struct {
			Category tags.Category `json:"update_spec"`
		}
		if decodeREST(w, r, &spec) {
			answer(w, nil, s.tags.updateCategory(id, spec.Category))
		}
	case "DELETE category/id":
		answer(w, nil, s.tags.deleteCategory(id))
	default:
		restError(w, "operation_not_found")
	}
}

func (s *Simulator) serveTag(w http.ResponseWriter, r *http.Request, resource, id string) {
	action := r.URL.Query().Get("~action")
	switch r.Method + " " + resource {
	case "POST tag":
		var spec struct {
			Tag tags.Tag `json:"create_spec"`
		}
		if decodeREST(w, r, &spec) {
			created, err := s.tags.createTag(spec.Tag)
			answer(w, created, err)
		}
	case "GET tag":
		restValue(w, s.tags.tagIDs(""))
	case "GET tag/id":
		tag, err := s.tags.tag(id)
		answer(w, tag, err)
	case "PATCH tag/id":
		var spec struct {
			Tag tags.Tag `json:"update_spec"`
		}
		if decodeREST(w, r, &spec) {
			answer(w, nil, s.tags.updateTag(id, spec.Tag))
		}
	case "DELETE tag/id":
		answer(w, nil, s.tags.deleteTag(id))
	case "POST tag/id":
		if action != "list-tags-for-category" {
			restError(w, "operation_not_found")
			return
		}
		if _, err := s.tags.category(id); err != "" {
			restError(w, string(err))
			return
		}
		restValue(w, s.tags.tagIDs(id))
	default:
		restError(w, "operation_not_found")
	}
}

// associationSpec is the body of all calls of the association resource.
type associationSpec struct {
	ObjectID  *wireObject  `json:"object_id"`
	ObjectIDs []wireObject `json:"object_ids"`
	TagIDs    []string     `json:"tag_ids"`
}

func (s *Simulator) serveAssociation(w http.ResponseWriter, r *http.Request, user, id string) {
	var spec associationSpec
	if err := json.NewDecoder(r.Body).Decode(&spec); err != nil && !errors.Is(err, io.EOF) {
		restError(w, string(errInvalidArgument))
		return
	}
	action := r.URL.Query().Get("~action")
	needsObject := map[string]bool{
		"attach": true, "detach": true, "list-attached-tags": true,
		"attach-multiple-tags-to-object": true, "detach-multiple-tags-from-object": true,
	}
	if r.Method != http.MethodPost || needsObject[action] && spec.ObjectID == nil {
		restError(w, string(errInvalidArgument))
		return
	}
	objects := spec.ObjectIDs
	if spec.ObjectID != nil {
		objects = append(objects, *spec.ObjectID)
	}
	if !s.readable(user, objects) {
		restError(w, string(errUnauthorized))
		return
	}
	changes := strings.Contains(action, "attach-") || strings.Contains(action, "detach-")
	if (action == "attach" || action == "detach") && !s.attachable(user, *spec.ObjectID) || changes && s.unknown(objects) {
		restError(w, string(errUnauthorized))
		return
	}
	switch action {
	case "attach":
		answer(w, nil, s.tags.attach(id, spec.ObjectID.reference()))
	case "detach":
		answer(w, nil, s.tags.detach(id, spec.ObjectID.reference()))
	case "list-attached-objects":
		objects, err := s.tags.objectsOf(id)
		answer(w, s.onlyReadable(user, wireObjects(objects)), err)
	case "list-attached-tags":
		restValue(w, s.tags.tagsOn(spec.ObjectID.reference()))
	case "list-attached-objects-on-tags":
		s.listObjects(w, user, spec)
	case "list-attached-tags-on-objects":
		s.listTags(w, spec)
	case "attach-tag-to-multiple-objects":
		s.batchOfObjects(w, spec, user, id, s.tags.attach)
	case "detach-tag-from-multiple-objects":
		s.batchOfObjects(w, spec, user, id, s.tags.detach)
	case "attach-multiple-tags-to-object":
		batch(w, spec, s.tags.attach)
	case "detach-multiple-tags-from-object":
		batch(w, spec, s.tags.detach)
	default:
		restError(w, "operation_not_found")
	}
}

// unknown reports whether one of some objects does not exist: vCenter refuses such a call as
// one that is not allowed.
func (s *Simulator) unknown(objects []wireObject) bool {
	return slices.ContainsFunc(objects, func(o wireObject) bool { return s.service.Context.Map.Get(o.reference()) == nil })
}

func (s *Simulator) listObjects(w http.ResponseWriter, user string, spec associationSpec) {
	type attached struct {
		TagID     string       `json:"tag_id"`
		ObjectIDs []wireObject `json:"object_ids"`
	}
	list := []attached{}
	for _, tag := range spec.TagIDs {
		if objects, err := s.tags.objectsOf(tag); err == "" {
			list = append(list, attached{TagID: tag, ObjectIDs: s.onlyReadable(user, wireObjects(objects))})
		}
	}
	restValue(w, list)
}

func (s *Simulator) listTags(w http.ResponseWriter, spec associationSpec) {
	type attached struct {
		ObjectID wireObject `json:"object_id"`
		TagIDs   []string   `json:"tag_ids"`
	}
	list := []attached{}
	for _, object := range spec.ObjectIDs {
		list = append(list, attached{ObjectID: object, TagIDs: s.tags.tagsOn(object.reference())})
	}
	restValue(w, list)
}

// batchResult is how a call for several tags or objects is answered: what could be done is.
type batchResult struct {
	Success bool             `json:"success"`
	Errors  tags.BatchErrors `json:"error_messages,omitempty"`
}

func (r *batchResult) add(what string, err tagError) {
	if err == "" {
		return
	}
	r.Success = false
	r.Errors = append(r.Errors, tags.BatchError{Type: "cis.tagging." + string(err), Message: "Tagging object " + what + ": " + string(err)})
}

// batch attaches or detaches several tags and reports each failure.
func batch(w http.ResponseWriter, spec associationSpec, do func(string, types.ManagedObjectReference) tagError) {
	result := batchResult{Success: true}
	for _, id := range spec.TagIDs {
		result.add(id, do(id, spec.ObjectID.reference()))
	}
	restValue(w, result)
}

// batchOfObjects attaches a tag to several objects, or detaches it. A tag that does not exist
// or may not be used fails the call, and an object that may not be tagged does not.
func (s *Simulator) batchOfObjects(
	w http.ResponseWriter, spec associationSpec, user, id string, do func(string, types.ManagedObjectReference) tagError,
) {
	if _, err := s.tags.tag(id); err != "" {
		restError(w, string(err))
		return
	}
	result := batchResult{Success: true}
	for _, object := range spec.ObjectIDs {
		err := errUnauthorized
		if s.attachable(user, object) {
			err = do(id, object.reference())
		}
		result.add(object.Value, err)
	}
	restValue(w, result)
}

func answer(w http.ResponseWriter, value any, err tagError) {
	if err != "" {
		restError(w, string(err))
		return
	}
	restValue(w, value)
}

func decodeREST(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		restError(w, string(errInvalidArgument))
		return false
	}
	return true
}
