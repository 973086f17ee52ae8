package simulator

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"
)

// Limits of the tagging service.
const (
	maxTagName        = 256
	maxTagDescription = 255
)

// Prefixes of the ids of categories and tags.
const (
	categoryURN = "urn:vmomi:InventoryServiceCategory:"
	tagURN      = "urn:vmomi:InventoryServiceTag:"
)

// tagError is one of vAPI's standard errors; empty: success.
type tagError string

const (
	errAlreadyExists   tagError = "already_exists"
	errInvalidArgument tagError = "invalid_argument"
	errNoSuchTag       tagError = "not_found"
	errUnauthorized    tagError = "unauthorized"
)

// tagStore is the tagging service's data.
type tagStore struct {
	mu          sync.Mutex
	categories  map[string]*tags.Category
	tags        map[string]*tags.Tag
	attachments map[string]map[types.ManagedObjectReference]bool // by tag id
	hidden      map[string]bool                                  // tags that may not be read
}

func newTagStore() *tagStore {
	return &tagStore{
		categories:  make(map[string]*tags.Category),
		tags:        make(map[string]*tags.Tag),
		attachments: make(map[string]map[types.ManagedObjectReference]bool),
		hidden:      make(map[string]bool),
	}
}

func (s *tagStore) createCategory(spec tags.Category) (string, tagError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := spec.CategoryID
	if id == "" {
		id = categoryURN + uuid.NewString() + ":GLOBAL"
	}
	switch {
	case !validURN(id, categoryURN), spec.Name == "", utf8.RuneCountInString(spec.Name) > maxTagName,
		len(spec.Description) > maxTagDescription, spec.Cardinality != "SINGLE" && spec.Cardinality != "MULTIPLE":
		return "", errInvalidArgument
	case s.categories[id] != nil:
		return "", errAlreadyExists
	}
	for _, c := range s.categories {
		if c.Name == spec.Name {
			return "", errAlreadyExists
		}
	}
	spec.ID = id
	spec.CategoryID = ""
	s.categories[id] = &spec
	return id, ""
}

// copyCategory adds a category with the name of another, as a vCenter in linked mode
// does when it learns late what the other one has made. It returns the new id.
func (s *tagStore) copyCategory(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.categories {
		if c.Name == name {
			twin := *c
			twin.ID = categoryURN + uuid.NewString() + ":GLOBAL"
			s.categories[twin.ID] = &twin
			return twin.ID, true
		}
	}
	return "", false
}

func (s *tagStore) category(id string) (tags.Category, tagError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.categories[id]
	if !ok {
		return tags.Category{}, errNoSuchTag
	}
	return *c, ""
}

func (s *tagStore) updateCategory(id string, spec tags.Category) tagError {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.categories[id]
	switch {
	case !ok:
		return errNoSuchTag
	case len(spec.Description) > maxTagDescription:
		return errInvalidArgument
	case len(spec.AssociableTypes) > 0 && (len(spec.AssociableTypes) < len(c.AssociableTypes) ||
		!slices.Equal(spec.AssociableTypes[:len(c.AssociableTypes)], c.AssociableTypes)):
		return errInvalidArgument // types are only ever added
	}
	for other, o := range s.categories {
		if spec.Name != "" && other != id && o.Name == spec.Name {
			return errAlreadyExists
		}
	}
	c.Patch(&spec)
	return ""
}

func (s *tagStore) deleteCategory(id string) tagError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.categories[id]; !ok {
		return errNoSuchTag
	}
	delete(s.categories, id)
	for tagID, tag := range s.tags {
		if tag.CategoryID == id {
			s.drop(tagID)
		}
	}
	return ""
}

func (s *tagStore) categoryIDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.categories))
	for id := range s.categories {
		ids = append(ids, id)
	}
	return ids
}

func (s *tagStore) createTag(spec tags.Tag) (string, tagError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := spec.TagID
	if id == "" {
		id = tagURN + uuid.NewString() + ":GLOBAL"
	}
	switch {
	case !validURN(id, tagURN), spec.Name == "", utf8.RuneCountInString(spec.Name) > maxTagName,
		len(spec.Description) > maxTagDescription:
		return "", errInvalidArgument
	case s.categories[spec.CategoryID] == nil:
		return "", errNoSuchTag
	case s.tags[id] != nil:
		return "", errAlreadyExists
	}
	for _, t := range s.tags {
		if t.CategoryID == spec.CategoryID && t.Name == spec.Name {
			return "", errAlreadyExists
		}
	}
	spec.ID = id
	spec.TagID = ""
	s.tags[id] = &spec
	s.attachments[id] = make(map[types.ManagedObjectReference]bool)
	return id, ""
}

func (s *tagStore) tag(id string) (tags.Tag, tagError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tags[id]
	if !ok {
		return tags.Tag{}, errNoSuchTag
	}
	if s.hidden[id] {
		return tags.Tag{}, errUnauthorized
	}
	return *t, ""
}

func (s *tagStore) updateTag(id string, spec tags.Tag) tagError {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tags[id]
	switch {
	case !ok:
		return errNoSuchTag
	case s.hidden[id]:
		return errUnauthorized
	case len(spec.Description) > maxTagDescription, utf8.RuneCountInString(spec.Name) > maxTagName:
		return errInvalidArgument
	}
	for other, o := range s.tags {
		if spec.Name != "" && other != id && o.CategoryID == t.CategoryID && o.Name == spec.Name {
			return errAlreadyExists
		}
	}
	spec.CategoryID = "" // a tag never changes its category
	t.Patch(&spec)
	return ""
}

func (s *tagStore) deleteTag(id string) tagError {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.tags[id] == nil:
		return errNoSuchTag
	case s.hidden[id]:
		return errUnauthorized
	}
	s.drop(id)
	return ""
}

func (s *tagStore) drop(id string) {
	delete(s.tags, id)
	delete(s.attachments, id)
	delete(s.hidden, id)
}

// tagIDs lists the readable tags, of one category unless it is empty.
func (s *tagStore) tagIDs(category string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.tags))
	for id, t := range s.tags {
		if !s.hidden[id] && (category == "" || t.CategoryID == category) {
			ids = append(ids, id)
		}
	}
	return ids
}

// named returns the tags of the category of that name.
func (s *tagStore) named(category string) []tags.Tag {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []tags.Tag
	for _, t := range s.tags {
		if s.categories[t.CategoryID].Name == category {
			found = append(found, *t)
		}
	}
	slices.SortFunc(found, func(a, b tags.Tag) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// hide makes a tag unreadable for every account: lists leave it out, but its name
// and id stay taken.
func (s *tagStore) hide(idOrName string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := false
	for id, tag := range s.tags {
		if id == idOrName || tag.Name == idOrName {
			s.hidden[id] = true
			found = true
		}
	}
	return found
}

// validURN reports whether id is one that a client may choose: the prefix, a
// UUID and a scope.
func validURN(id, prefix string) bool {
	rest, ok := strings.CutPrefix(id, prefix)
	if !ok {
		return false
	}
	value, scope, ok := strings.Cut(rest, ":")
	return ok && scope == "GLOBAL" && uuid.Validate(value) == nil
}
