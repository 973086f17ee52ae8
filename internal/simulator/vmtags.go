package simulator

import (
	"fmt"
	"slices"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"
)

// MakeTag makes a tag, as an administrator would, and its category where there is none: SINGLE
// or MULTIPLE, for objects of the types, or of all. It returns the tag's id.
func (s *Simulator) MakeTag(categoryName, name, cardinality string, associable ...string) (string, error) {
	category, _ := s.tags.categoryNamed(categoryName)
	var failed tagError
	if category == "" {
		category, failed = s.tags.createCategory(tags.Category{Name: categoryName, Cardinality: cardinality, AssociableTypes: associable})
	}
	if failed != "" {
		return "", fmt.Errorf("category %q: %s", categoryName, failed)
	}
	id, failed := s.tags.createTag(tags.Tag{Name: name, CategoryID: category})
	if failed != "" {
		return "", fmt.Errorf("tag %q: %s", name, failed)
	}
	return id, nil
}

// TagVM gives a VM a tag by its id, as an administrator would, or takes it from the VM.
func (s *Simulator) TagVM(vm, id string, has bool) error {
	ref, err := s.vmReference(vm)
	if err != nil {
		return err
	}
	change := s.tags.detach
	if has {
		change = s.tags.attach
	}
	if failed := change(id, ref); failed != "" {
		return fmt.Errorf("tag %s of VM %q: %s", id, vm, failed)
	}
	return nil
}

// VMTags are the tags of a VM, as category/name, sorted.
func (s *Simulator) VMTags(vm string) []string {
	ref, err := s.vmReference(vm)
	if err != nil {
		return nil
	}
	var paths []string
	for _, id := range s.tags.tagsOn(ref) {
		tag, _ := s.tags.tag(id)
		category, _ := s.tags.category(tag.CategoryID)
		paths = append(paths, category.Name+"/"+tag.Name)
	}
	slices.Sort(paths)
	return paths
}

func (s *Simulator) vmReference(name string) (types.ManagedObjectReference, error) {
	var ref types.ManagedObjectReference
	err := s.administer(name, func(_ *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		ref = vm.Self
		return nil
	})
	return ref, err
}

// categoryNamed is the id of the category with a name; false where there is none.
func (s *tagStore) categoryNamed(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, category := range s.categories {
		if category.Name == name {
			return id, true
		}
	}
	return "", false
}
