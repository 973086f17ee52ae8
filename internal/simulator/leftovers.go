package simulator

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Leftovers are what is in the inventory beyond what was there at the start.
type Leftovers struct {
	VMs     []string `json:"vms,omitempty"`     // inventory paths, also of vApps
	Folders []string `json:"folders,omitempty"` // inventory paths
	Tags    []string `json:"tags,omitempty"`    // names of the tags of the ledger's category, and category/name of zone tags
	Rules   []string `json:"rules,omitempty"`   // compute cluster/rule, also groups of DRS
	Files   []string `json:"files,omitempty"`   // folders of Gantry on datastores: [datastore] folder
	// Attached are zone tags on objects, as category/name on an inventory path.
	Attached []string `json:"attached,omitempty"`
}

// Empty reports whether nothing was left behind.
func (l Leftovers) Empty() bool {
	return len(l.VMs)+len(l.Folders)+len(l.Tags)+len(l.Rules)+len(l.Files)+len(l.Attached) == 0
}

// initial is the inventory at the start.
type initial struct {
	objects map[types.ManagedObjectReference]bool
	tags    map[string]bool
	files   map[string]bool
	groups  map[string]bool // as in Leftovers
	// attached are the zone tags on objects.
	attached map[attachment]bool
}

func (s *Simulator) snapshotInitial() initial {
	i := initial{
		objects:  make(map[types.ManagedObjectReference]bool),
		tags:     make(map[string]bool),
		files:    make(map[string]bool),
		groups:   make(map[string]bool),
		attached: make(map[attachment]bool),
	}
	for _, e := range s.registry.All("") {
		i.objects[e.Reference()] = true
		if ds, ok := e.(*vcsim.Datastore); ok {
			for _, dir := range foldersOnDatastore(ds) {
				i.files[dir] = true
			}
		}
		if cluster, ok := e.(*vcsim.ClusterComputeResource); ok && cluster.ConfigurationEx != nil {
			for _, group := range configOf(cluster).Group {
				i.groups["group "+cluster.Name+"/"+group.GetClusterGroupInfo().Name] = true
			}
		}
	}
	for _, tag := range s.tags.named(LedgerCategoryName) {
		i.tags[tag.ID] = true
	}
	for _, category := range zoneCategories {
		for _, tag := range s.tags.named(category) {
			i.tags[tag.ID] = true
			objects, _ := s.tags.objectsOf(tag.ID)
			for _, object := range objects {
				i.attached[attachment{tag.ID, object}] = true
			}
		}
	}
	return i
}

// attachment is a tag on an object.
type attachment struct {
	tag    string
	object types.ManagedObjectReference
}

// zoneCategories are those of the topology.
var zoneCategories = []string{"k8s-region", "k8s-zone"}

// addZoneTags adds the zone tags that were not there at the start, and where they are.
func (s *Simulator) addZoneTags(left *Leftovers) {
	ctx := *s.service.Context
	for _, category := range zoneCategories {
		for _, tag := range s.tags.named(category) {
			name := category + "/" + tag.Name
			if !s.initial.tags[tag.ID] {
				left.Tags = append(left.Tags, name)
			}
			objects, _ := s.tags.objectsOf(tag.ID)
			s.inventory.RLock()
			for _, object := range objects {
				if !s.initial.attached[attachment{tag.ID, object}] {
					left.Attached = append(left.Attached, name+" on "+inventoryPath(&ctx, object))
				}
			}
			s.inventory.RUnlock()
		}
	}
	slices.Sort(left.Attached)
}

// Leftovers lists machines, folders, ledger tags, placement rules and folders on
// datastores that were not there at the start, each list sorted.
func (s *Simulator) Leftovers() Leftovers {
	var left Leftovers
	ctx := *s.service.Context
	s.inventory.RLock()
	for _, e := range s.registry.All("") {
		ref := e.Reference()
		switch obj := e.(type) {
		case *vcsim.VirtualMachine:
			if !s.initial.objects[ref] {
				left.VMs = append(left.VMs, inventoryPath(&ctx, ref))
			}
		case *vcsim.VirtualApp:
			if !s.initial.objects[ref] {
				left.VMs = append(left.VMs, inventoryPath(&ctx, ref))
			}
		case *vcsim.Folder:
			if !s.initial.objects[ref] {
				left.Folders = append(left.Folders, inventoryPath(&ctx, ref))
			}
		case *vcsim.Datastore:
			for _, dir := range foldersOnDatastore(obj) {
				if !s.initial.files[dir] {
					left.Files = append(left.Files, fmt.Sprintf("[%s] %s", obj.Name, filepath.Base(dir)))
				}
			}
		case *vcsim.ClusterComputeResource:
			ctx.WithLock(obj, func() {
				for _, rule := range configOf(obj).Rule {
					left.Rules = append(left.Rules, obj.Name+"/"+rule.GetClusterRuleInfo().Name)
				}
				for _, group := range configOf(obj).Group {
					if name := "group " + obj.Name + "/" + group.GetClusterGroupInfo().Name; !s.initial.groups[name] {
						left.Rules = append(left.Rules, name)
					}
				}
			})
		}
	}
	s.inventory.RUnlock()
	for _, tag := range s.tags.named(LedgerCategoryName) {
		if !s.initial.tags[tag.ID] {
			left.Tags = append(left.Tags, tag.Name)
		}
	}
	s.addZoneTags(&left)
	slices.Sort(left.VMs)
	slices.Sort(left.Folders)
	slices.Sort(left.Rules)
	slices.Sort(left.Files)
	return left
}

// DestroyedDisks returns the [datastore] paths of all disks whose files were
// destroyed, in order.
func (s *Simulator) DestroyedDisks() []string {
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	return slices.Clone(s.destroyed)
}

// DestroyedForeignDisks returns those destroyed disks that others attached, or that did
// not lie in the folder of the machine: another owner's data is lost.
func (s *Simulator) DestroyedForeignDisks() []string {
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	return slices.Clone(s.foreign)
}

// inventoryPath returns the path of an object, as /datacenter/vm/folder/name.
func inventoryPath(ctx *vcsim.Context, ref types.ManagedObjectReference) string {
	var names []string
	for {
		e, ok := ctx.Map.Get(ref).(interface {
			Entity() *mo.ManagedEntity
		})
		if !ok || e.Entity().Parent == nil {
			break
		}
		names = append(names, e.Entity().Name)
		ref = *e.Entity().Parent
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}
