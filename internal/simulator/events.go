package simulator

import (
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// LogUserEvent adds an event to those of a VM, as who is logged in. vcsim has only
// PostEvent.
func (o *overrides) LogUserEvent(ctx *vcsim.Context, req *types.LogUserEvent) soap.HasFault {
	vm, ok := get[*vcsim.VirtualMachine](ctx, req.Entity)
	if !ok {
		return notFound(req.Entity)
	}
	o.s.inventory.Lock()
	defer o.s.inventory.Unlock()
	user := &types.GeneralUserEvent{GeneralEvent: types.GeneralEvent{Message: req.Msg}}
	user.UserName = sessionUser(ctx)
	user.CreatedTime = o.s.clock.now()
	user.FullFormattedMessage = req.Msg
	user.Vm = &types.VmEventArgument{EntityEventArgument: types.EntityEventArgument{Name: vm.Name}, Vm: vm.Self}
	o.s.userEvents = append(o.s.userEvents, *user)
	return &methods.LogUserEventBody{Res: &types.LogUserEventResponse{}}
}

// UserEvent is an event that someone has logged to a VM.
type UserEvent struct{ User, VM, Message string }

// UserEvents are those that were logged, in their order.
func (s *Simulator) UserEvents() []UserEvent {
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	events := make([]UserEvent, len(s.userEvents))
	for i, e := range s.userEvents {
		events[i] = UserEvent{User: e.UserName, VM: e.Vm.Name, Message: e.FullFormattedMessage}
	}
	return events
}

// eventNeeds are the privileges of logging an event.
func eventNeeds(body any) requirements {
	var r requirements
	if req, ok := body.(*types.LogUserEvent); ok {
		r.add(req.Entity, viewPrivilege, "Global.LogEvent")
	}
	return r
}
