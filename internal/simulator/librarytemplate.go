package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// templateSpec is how an item that is a VM template is deployed.
type templateSpec struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Placement   map[string]string `json:"placement"`
	Home        map[string]string `json:"vm_home_storage"`
	Disks       map[string]string `json:"disk_storage"`
	PoweredOn   *bool             `json:"powered_on"`
	Hardware    struct {
		NICs []templateNIC `json:"nics"`
	} `json:"hardware_customization"`
}

// templateNIC is a network card of an item: the key of its device, and its network.
type templateNIC struct {
	Key   string `json:"key"`
	Value struct {
		Network string `json:"network"`
	} `json:"value"`
}

// deployPrivilege is what vCenter asks for on an item that is deployed, and so globally.
const deployPrivilege = "VirtualMachine.Provisioning.DeployTemplate"

// serveTemplateItem serves an item that is a VM template, and its deployment: a clone of it.
func (s *Simulator) serveTemplateItem(w http.ResponseWriter, r *http.Request) {
	user, ok := s.libraryUser(w, r, readPrivilege)
	if !ok {
		return
	}
	var req struct {
		Spec templateSpec `json:"spec"`
	}
	shows := r.Method == http.MethodGet && r.URL.RawQuery == ""
	if !shows {
		if r.Method != http.MethodPost || r.URL.Query().Get("action") != "deploy" {
			restError(w, "operation_not_found")
			return
		}
		if _, ok := s.libraryUser(w, r, deployPrivilege); !ok || !decodeStrictly(w, r, &req) {
			return
		}
	}
	s.libraries.mu.Lock()
	_, item := s.libraries.item(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	var has LibraryItem
	if item != nil {
		has = item.has
	}
	s.libraries.mu.Unlock()
	if item == nil {
		restError(w, "not_found")
		return
	}
	own := *s.service.Context
	source, ok := s.templateNamed(&own, has.Template)
	if !ok {
		restError(w, string(errInvalidArgument))
		return
	}
	if shows {
		s.inventory.RLock()
		nics := nicsOf(source, has)
		s.inventory.RUnlock()
		restValue(w, map[string]any{"vm_template": source.Self.Value, "nics": nics})
		return
	}
	s.deployTemplate(w, &own, user, source, has, req.Spec)
}

// nicsOf are the network cards of a template.
func nicsOf(source *vcsim.VirtualMachine, has LibraryItem) []templateNIC {
	nics := []templateNIC{}
	i := 0
	for _, device := range source.Config.Hardware.Device {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		nic := templateNIC{Key: strconv.Itoa(int(card.GetVirtualEthernetCard().Key))}
		if i < len(source.Network) && !has.NetworkGone {
			nic.Value.Network = source.Network[i].Value
		}
		nics = append(nics, nic)
		i++
	}
	return nics
}

// connected reports whether the compute cluster of a resource pool has the networks that the
// cards of a template will be on: those that it has, where no other ones are asked for.
func connected(ctx *vcsim.Context, source *vcsim.VirtualMachine, has LibraryItem, spec templateSpec) bool {
	pool := types.ManagedObjectReference{Type: "ResourcePool", Value: spec.Placement["resource_pool"]}
	networks := networksOfPool(ctx, pool)
	for _, nic := range nicsOf(source, has) {
		for _, asked := range spec.Hardware.NICs {
			if asked.Key == nic.Key {
				nic.Value.Network = asked.Value.Network
			}
		}
		if !slices.ContainsFunc(networks, func(n types.ManagedObjectReference) bool { return n.Value == nic.Value.Network }) {
			return false
		}
	}
	return true
}

func networksOfPool(ctx *vcsim.Context, ref types.ManagedObjectReference) []types.ManagedObjectReference {
	pool, ok := get[*vcsim.ResourcePool](ctx, ref)
	if !ok {
		return nil
	}
	if cluster, ok := get[*vcsim.ClusterComputeResource](ctx, pool.Owner); ok {
		return cluster.Network
	}
	return nil
}

func (s *Simulator) templateNamed(ctx *vcsim.Context, name string) (*vcsim.VirtualMachine, bool) {
	for _, e := range ctx.Map.All("VirtualMachine") {
		if vm, ok := e.(*vcsim.VirtualMachine); ok && vm.Name == name {
			return vm, true
		}
	}
	return nil, false
}

func (s *Simulator) deployTemplate(
	w http.ResponseWriter, ctx *vcsim.Context, user string, source *vcsim.VirtualMachine, has LibraryItem, spec templateSpec,
) {
	ref := func(kind, value string) *types.ManagedObjectReference {
		if value == "" {
			return nil
		}
		return &types.ManagedObjectReference{Type: kind, Value: value}
	}
	folder := ref("Folder", spec.Placement["folder"])
	if folder == nil || ref("", spec.Placement["resource_pool"]) == nil {
		restError(w, string(errInvalidArgument))
		return
	}
	req := &types.CloneVM_Task{This: source.Self, Folder: *folder, Name: spec.Name, Spec: types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{
			Pool: ref("ResourcePool", spec.Placement["resource_pool"]), Host: ref("HostSystem", spec.Placement["host"]),
			Datastore: ref("Datastore", spec.Home["datastore"]),
		},
		Config: &types.VirtualMachineConfigSpec{Annotation: spec.Description},
	}}
	var required requirements
	required.clone(ctx, req)
	// Of the template itself nothing is asked for: it is the library's.
	required = slices.DeleteFunc(required, func(q requirement) bool { return q.object == source.Self })
	s.inventory.RLock()
	denied := required.deny(s, ctx, user)
	reaches := connected(ctx, source, has, spec)
	s.inventory.RUnlock()
	if denied != nil {
		restError(w, string(errUnauthorized))
		return
	}
	if !reaches {
		restError(w, "error") // as vCenter has no class of its own for it
		return
	}
	c := &cloning{s: s, source: source, req: req}
	result, f := s.locked(ctx, func(ctx *vcsim.Context) (types.AnyType, fault) { return nil, c.begin(ctx) })
	if f == nil {
		s.deploying(1)
		s.running.Add(1)
		defer s.running.Done()
		s.clock.wait(s.endOf("CloneVM_Task"), s.closed)
		result, f = s.locked(ctx, c.run)
		s.deploying(-1)
	}
	switch f.(type) {
	case nil:
		restValue(w, result.(mo.Reference).Reference().Value)
	case *types.DuplicateName:
		restError(w, "already_exists")
	case *types.NoDiskSpace:
		restError(w, "unable_to_allocate_resource")
	case *types.ManagedObjectNotFound:
		restError(w, "not_found")
	default:
		restError(w, "error")
	}
}
