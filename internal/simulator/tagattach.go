package simulator

import (
	"slices"

	"github.com/vmware/govmomi/vim25/types"
)

// attach attaches a tag to an object, if the tag's category allows the
// object's type and another tag on it.
func (s *tagStore) attach(id string, object types.ManagedObjectReference) tagError {
	s.mu.Lock()
	defer s.mu.Unlock()
	tag, ok := s.tags[id]
	if !ok {
		return errNoSuchTag
	}
	if s.hidden[id] {
		return errUnauthorized
	}
	category := s.categories[tag.CategoryID]
	if len(category.AssociableTypes) > 0 && !slices.Contains(category.AssociableTypes, object.Type) {
		return errInvalidArgument
	}
	if category.Cardinality == "SINGLE" {
		for other, objects := range s.attachments {
			if other != id && objects[object] && s.tags[other].CategoryID == tag.CategoryID {
				return errInvalidArgument
			}
		}
	}
	s.attachments[id][object] = true
	return ""
}

func (s *tagStore) detach(id string, object types.ManagedObjectReference) tagError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tags[id] == nil {
		return errNoSuchTag
	}
	if s.hidden[id] {
		return errUnauthorized
	}
	delete(s.attachments[id], object)
	return ""
}

// detachAll takes every tag off an object that is no more.
func (s *tagStore) detachAll(object types.ManagedObjectReference) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, objects := range s.attachments {
		delete(objects, object)
	}
}

// tagsOn lists the readable tags on an object.
func (s *tagStore) tagsOn(object types.ManagedObjectReference) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := []string{}
	for id, objects := range s.attachments {
		if objects[object] && !s.hidden[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// objectsOf lists the objects that a tag is attached to.
func (s *tagStore) objectsOf(id string) ([]types.ManagedObjectReference, tagError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tags[id] == nil {
		return nil, errNoSuchTag
	}
	if s.hidden[id] {
		return nil, errUnauthorized
	}
	objects := make([]types.ManagedObjectReference, 0, len(s.attachments[id]))
	for object := range s.attachments[id] {
		objects = append(objects, object)
	}
	return objects, ""
}
