package simulator

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/vmware/govmomi/ovf"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ovfTarget is where an OVF is deployed.
type ovfTarget struct {
	ResourcePool string `json:"resource_pool_id"`
	Folder       string `json:"folder_id"`
	Host         string `json:"host_id"`
}

type keyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type ovfSpec struct {
	Name         string     `json:"name"`
	Annotation   string     `json:"annotation"`
	AcceptEULAs  *bool      `json:"accept_all_EULA"`
	Networks     []keyValue `json:"network_mappings"`
	Provisioning string     `json:"storage_provisioning"`
	Datastore    string     `json:"default_datastore_id"`
}

// serveOVFItem serves what OVF items ask for, and their deployment, which is answered when it
// has ended, and goes on where whoever asked for it has gone.
func (s *Simulator) serveOVFItem(w http.ResponseWriter, r *http.Request) {
	user, ok := s.libraryUser(w, r, readPrivilege)
	if !ok {
		return
	}
	var req struct {
		Target ovfTarget `json:"target"`
		Spec   *ovfSpec  `json:"deployment_spec"`
		Token  string    `json:"client_token"`
	}
	if !decodeStrictly(w, r, &req) {
		return
	}
	s.libraries.mu.Lock()
	_, item := s.libraries.item(strings.TrimPrefix(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], "id:"))
	var has LibraryItem
	cached := false
	if item != nil {
		has, cached = item.has, item.cached
	}
	s.libraries.mu.Unlock()
	pool := types.ManagedObjectReference{Type: "ResourcePool", Value: req.Target.ResourcePool}
	action := r.URL.Query().Get("~action")
	switch {
	case item == nil || s.registry.Get(pool) == nil:
		restError(w, "not_found")
	case has.Type != "ovf" || action == "deploy" && (req.Spec == nil || req.Spec.AcceptEULAs == nil):
		restError(w, string(errInvalidArgument))
	case !cached:
		restError(w, "not_allowed_in_current_state")
	case action == "filter":
		restValue(w, map[string]any{"name": has.Name, "EULAs": append([]string{}, has.EULAs...), "networks": networksOf(has.Descriptor)})
	case action == "deploy":
		s.onceOf(w, req.Token, func(w http.ResponseWriter) { s.deployOVF(w, user, has, req.Target, req.Spec) })
	default:
		restError(w, "operation_not_found")
	}
}

func networksOf(descriptor string) []string {
	networks := []string{}
	if e, err := ovf.Unmarshal(strings.NewReader(descriptor)); err == nil && e.Network != nil {
		for _, n := range e.Network.Networks {
			networks = append(networks, n.Name)
		}
	}
	return networks
}

// askedOnce is a call that its token tells from others, and its response.
type askedOnce struct {
	done     chan struct{}
	response *httptest.ResponseRecorder
}

// onceOf does what a call with a token asks for. The same call again waits for that, and has
// the same response.
func (s *Simulator) onceOf(w http.ResponseWriter, token string, do func(http.ResponseWriter)) {
	s.libraries.mu.Lock()
	call, again := s.libraries.asked[token]
	if !again {
		call = &askedOnce{done: make(chan struct{}), response: httptest.NewRecorder()}
		if token != "" {
			s.libraries.asked[token] = call
		}
	}
	s.libraries.mu.Unlock()
	if !again {
		do(call.response)
		close(call.done)
	}
	<-call.done
	maps.Copy(w.Header(), call.response.Header())
	w.WriteHeader(call.response.Code)
	_, _ = w.Write(call.response.Body.Bytes())
}

// ovfDeployment is one deployment of an OVF.
type ovfDeployment struct {
	s      *Simulator
	ctx    *vcsim.Context
	user   string
	has    LibraryItem
	target ovfTarget
	spec   *ovfSpec
}

// failedDeployment responds with why a deployment has failed, which is no error of the call.
func failedDeployment(w http.ResponseWriter, category, class, message string) {
	messages := []map[string]any{{"id": "ovf", "default_message": message, "args": []string{}}}
	restValue(w, map[string]any{"succeeded": false, "error": map[string]any{"errors": []map[string]any{{
		"category": category, "error": map[string]any{"@class": "com.vmware.vapi.std.errors." + class, "messages": messages},
	}}}})
}

func (s *Simulator) deployOVF(w http.ResponseWriter, user string, has LibraryItem, target ovfTarget, spec *ovfSpec) {
	own := *s.service.Context
	own.Session = &vcsim.Session{UserSession: types.UserSession{Key: "library", UserName: user}, Registry: vcsim.NewRegistry(), Map: own.Map}
	d := &ovfDeployment{s: s, ctx: &own, user: user, has: has, target: target, spec: spec}
	if len(has.EULAs) > 0 && !*spec.AcceptEULAs {
		failedDeployment(w, "INPUT", "invalid_argument", "The license agreements have to be accepted.")
		return
	}
	vm, denied, f := d.begin()
	if denied {
		restError(w, string(errUnauthorized))
		return
	}
	if f != nil {
		switch f.(type) {
		case *types.DuplicateName:
			failedDeployment(w, "SERVER", "already_exists", faultMessage(f))
		case types.BaseOvfFault:
			failedDeployment(w, "VALIDATION", "invalid_argument", faultMessage(f))
		default:
			failedDeployment(w, "SERVER", "error", faultMessage(f))
		}
		return
	}
	s.deploying(1)
	s.running.Add(1)
	defer s.running.Done()
	s.clock.wait(s.endOf("CloneVM_Task"), s.closed)
	s.busy.Delete(vm)
	s.deploying(-1)
	restValue(w, map[string]any{"succeeded": true, "resource_id": map[string]string{"type": vm.Type, "id": vm.Value}})
}

// deploying counts deployments, and calls who wants to know that one has begun.
func (s *Simulator) deploying(n int) {
	s.libraries.mu.Lock()
	s.libraries.under += n
	do := s.libraries.atDeployment
	s.libraries.mu.Unlock()
	if n > 0 && do != nil {
		do()
	}
}

// begin makes the VM, on which nothing else is done before the deployment has ended.
func (d *ovfDeployment) begin() (vm types.ManagedObjectReference, denied bool, f fault) {
	pool := types.ManagedObjectReference{Type: "ResourcePool", Value: d.target.ResourcePool}
	folder := types.ManagedObjectReference{Type: "Folder", Value: d.target.Folder}
	datastore := types.ManagedObjectReference{Type: "Datastore", Value: d.spec.Datastore}
	var required requirements
	required.add(pool, "VApp.Import", "Resource.AssignVMToPool")
	required.add(folder, "VApp.Import", "VirtualMachine.Inventory.Create", "VirtualMachine.Config.AddNewDisk")
	required.add(datastore, "Datastore.AllocateSpace")
	d.s.inventory.RLock()
	refused := required.deny(d.s, d.ctx, d.user)
	d.s.inventory.RUnlock()
	if refused != nil {
		return vm, true, nil
	}
	if severalVMs(d.has.Descriptor) {
		vm, f = d.makeVApp(pool, folder)
		return vm, false, f
	}
	params := types.OvfCreateImportSpecParams{EntityName: d.spec.Name, DiskProvisioning: d.spec.Provisioning}
	for _, m := range d.spec.Networks {
		for _, kind := range []string{"Network", "DistributedVirtualPortgroup"} {
			network := types.ManagedObjectReference{Type: kind, Value: m.Value}
			if d.ctx.Map.Get(network) != nil {
				params.NetworkMapping = append(params.NetworkMapping, types.OvfNetworkMapping{Name: m.Key, Network: network})
			}
		}
	}
	res := d.s.overrides.CreateImportSpec(d.ctx, &types.CreateImportSpec{
		This: *serviceContent(d.ctx).OvfManager, OvfDescriptor: d.has.Descriptor, ResourcePool: pool, Datastore: datastore, Cisp: &params,
	})
	if failed := res.Fault(); failed != nil {
		return vm, false, failed.VimFault().(fault)
	}
	result := res.(*methods.CreateImportSpecBody).Res.Returnval
	if len(result.Error) > 0 {
		return vm, false, result.Error[0].Fault
	}
	spec, ok := result.ImportSpec.(*types.VirtualMachineImportSpec)
	if !ok {
		return vm, false, invalidArgument("ovfDescriptor")
	}
	spec.ConfigSpec.Annotation = d.spec.Annotation
	req := &types.ImportVApp{This: pool, Spec: spec, Folder: &folder}
	if d.target.Host != "" {
		req.Host = &types.ManagedObjectReference{Type: "HostSystem", Value: d.target.Host}
	}
	return d.make(req, spec)
}

func (d *ovfDeployment) make(
	req *types.ImportVApp, spec *types.VirtualMachineImportSpec,
) (vm types.ManagedObjectReference, denied bool, f fault) {
	d.s.serially(d.ctx, func(ctx *vcsim.Context) soap.HasFault {
		pool, ok := get[*vcsim.ResourcePool](ctx, req.This)
		if !ok {
			f = &types.ManagedObjectNotFound{Obj: req.This}
			return notFound(req.This)
		}
		if f = d.s.checkImport(ctx, pool, req, spec); f != nil {
			return refuse(f)
		}
		if machine, taken := d.s.reserved[req.Folder.Value+"/"+spec.ConfigSpec.Name]; taken {
			f = &types.DuplicateName{Name: spec.ConfigSpec.Name, Object: machine}
			return refuse(f)
		}
		res := pool.ImportVApp(ctx, req)
		body, ok := res.(*methods.ImportVAppBody)
		if !ok || body.Res == nil {
			f = &types.SystemError{Reason: "import"}
			return res
		}
		awaitLease(ctx, body.Res.Returnval)
		lease := ctx.Session.Get(body.Res.Returnval).(*vcsim.HttpNfcLease)
		if lease.State != types.HttpNfcLeaseStateReady {
			f = &types.SystemError{Reason: "the lease is not ready"}
			return res
		}
		vm = lease.Info.Entity
		lease.HttpNfcLeaseComplete(ctx, &types.HttpNfcLeaseComplete{This: body.Res.Returnval})
		d.s.busy.Store(vm, body.Res.Returnval)
		return res
	})
	return vm, false, f
}
