package simulator

import (
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// fault is why a method or a task fails.
type fault = types.BaseMethodFault

// work is what a task does; it runs with the inventory locked.
type work func(ctx *vcsim.Context) (types.AnyType, fault)

// startTask runs do as a task of the entity and returns the task's reference
// at once. Unlike vcsim's own tasks it holds no lock of the entity while it
// waits, so that properties can be read meanwhile.
func (s *Simulator) startTask(
	ctx *vcsim.Context, entity types.ManagedObjectReference, method, description string, do work,
) types.ManagedObjectReference {
	return s.startTaskOf(ctx, entity, method, description, nil, do)
}

// startTaskOf is startTask for a task that looks at the inventory when it starts,
// too, and fails at once with what begin returns.
func (s *Simulator) startTaskOf(
	ctx *vcsim.Context, entity types.ManagedObjectReference, method, description string, begin func(*vcsim.Context) fault, do work,
) types.ManagedObjectReference {
	now := s.clock.now()
	task := &vcsim.Task{}
	task.Self = types.ManagedObjectReference{Type: "Task", Value: fmt.Sprintf("task-%d", s.serial.Add(1)+1000)}
	task.Info = types.TaskInfo{
		Key:           task.Self.Value,
		Task:          task.Self,
		Name:          method,
		DescriptionId: description,
		Entity:        &entity,
		EntityName:    entityName(ctx, entity),
		State:         types.TaskInfoStateRunning,
		Reason:        &types.TaskReasonUser{UserName: sessionUser(ctx)},
		QueueTime:     now,
		StartTime:     &now,
	}
	own := *ctx // the identity under which this task locks objects
	injected := s.rules.task(method)
	s.inventory.Lock()
	ctx.Map.Put(task)
	s.listTask(task.Self)
	if injected == nil && begin != nil {
		injected = begin(&own)
	}
	s.inventory.Unlock()
	// A machine does one thing at a time; as a clone's source it does nothing.
	exclusive := entity.Type == "VirtualMachine" && method != "CloneVM_Task"
	if exclusive {
		if other, busy := s.busy.LoadOrStore(entity, task.Self); busy {
			running := other.(types.ManagedObjectReference)
			injected = &types.TaskInProgress{Task: running}
			exclusive = false
		}
	}
	end := s.endOf(method)
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		if injected == nil {
			s.clock.wait(end, s.closed)
		}
		result := types.AnyType(nil)
		err := injected
		if err == nil {
			result, err = s.locked(&own, do)
		}
		if exclusive {
			s.busy.Delete(entity) // before a client can see that the task is done
		}
		s.completeTask(&own, task, result, err)
	}()
	return task.Self
}

// endOf is when a task that starts now ends, by vCenter's clock.
func (s *Simulator) endOf(method string) time.Time {
	d := time.Duration(s.taskDuration.Load())
	if method == "CloneVM_Task" {
		d += time.Duration(s.cloneDuration.Load())
	}
	return s.clock.now().Add(d)
}

// recentTasks is how many tasks vCenter's task manager lists.
const recentTasks = 200

// listTask adds a task to those that vCenter's task manager lists: vcsim's own does
// it without a lock. The inventory is locked.
func (s *Simulator) listTask(task types.ManagedObjectReference) {
	manager := s.registry.Get(*serviceContent(s.service.Context).TaskManager).(*vcsim.TaskManager)
	recent := append(slices.Clone(manager.RecentTask), task)
	manager.RecentTask = recent[max(len(recent)-recentTasks, 0):]
}

// locked runs do with the inventory locked and turns a panic of vcsim into the
// fault that a vCenter returns for an unexpected error. The notifications that do
// queues for guests are delivered afterwards.
func (s *Simulator) locked(ctx *vcsim.Context, do work) (types.AnyType, fault) {
	defer s.notifyGuests()
	return s.exclusively(ctx, do)
}

func (s *Simulator) exclusively(ctx *vcsim.Context, do work) (result types.AnyType, err fault) {
	s.inventory.Lock()
	defer s.changes.announce()
	defer s.inventory.Unlock()
	defer func() {
		if r := recover(); r != nil {
			s.logf("panic in a task: %v\n%s", r, debug.Stack())
			result, err = nil, &types.SystemError{Reason: fmt.Sprint(r)}
		}
	}()
	return do(ctx)
}

// notifyGuests delivers the queued notifications, in order and without the lock
// of the inventory: a guest that is being stopped may be waiting for that lock to
// report something.
func (s *Simulator) notifyGuests() {
	s.notifying.Lock()
	defer s.notifying.Unlock()
	for {
		s.inventory.Lock()
		queue := s.notifications
		s.notifications = nil
		s.inventory.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, notify := range queue {
			notify()
		}
	}
}

func (s *Simulator) completeTask(ctx *vcsim.Context, task *vcsim.Task, result types.AnyType, err fault) {
	now := s.clock.now()
	changes := []types.PropertyChange{
		{Name: "info.completeTime", Val: now},
		{Name: "info.state", Val: types.TaskInfoStateSuccess},
		{Name: "info.result", Val: result},
	}
	if err != nil {
		changes = []types.PropertyChange{
			{Name: "info.completeTime", Val: now},
			{Name: "info.state", Val: types.TaskInfoStateError},
			{Name: "info.error", Val: types.LocalizedMethodFault{Fault: err, LocalizedMessage: faultMessage(err)}},
		}
	}
	ctx.Map.AtomicUpdate(ctx, task, changes)
}

// finish waits for the vcsim task that a call started and returns its outcome.
// A call that starts no task is finished already.
func finish(ctx *vcsim.Context, res soap.HasFault) (types.AnyType, fault) {
	if f := res.Fault(); f != nil {
		return nil, f.VimFault().(fault)
	}
	value := reflect.ValueOf(res).Elem().FieldByName("Res").Elem().FieldByName("Returnval")
	if !value.IsValid() {
		return nil, nil
	}
	ref, ok := value.Interface().(types.ManagedObjectReference)
	if !ok || ref.Type != "Task" {
		return nil, nil
	}
	task, ok := ctx.Map.Get(ref).(*vcsim.Task)
	if !ok {
		return nil, &types.ManagedObjectNotFound{Obj: ref}
	}
	return awaitTask(ctx, task)
}

func awaitTask(ctx *vcsim.Context, task *vcsim.Task) (types.AnyType, fault) {
	reader := new(vcsim.Context) // not ctx: the task's goroutine locks on its behalf
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 2*time.Millisecond) {
		var info types.TaskInfo
		ctx.Map.WithLock(reader, task, func() { info = task.Info })
		switch info.State {
		case types.TaskInfoStateSuccess:
			return info.Result, nil
		case types.TaskInfoStateError:
			return nil, info.Error.Fault
		}
		time.Sleep(pause)
	}
}

func serviceContent(ctx *vcsim.Context) types.ServiceContent {
	return ctx.Map.Get(vim25.ServiceInstance).(*vcsim.ServiceInstance).Content
}

func sessionUser(ctx *vcsim.Context) string {
	if ctx.Session == nil {
		return ""
	}
	return ctx.Session.UserName
}

func faultError(res soap.HasFault) error {
	if f := res.Fault(); f != nil {
		return vimError(f.VimFault())
	}
	return nil
}

func vimError(f any) error {
	return fmt.Errorf("%s", reflect.TypeOf(f).Elem().Name())
}

// faultMessage returns the text that goes with a fault. A client shows it to users,
// so it says as little as a real vCenter's would.
func faultMessage(f fault) string {
	switch f := f.(type) {
	case *types.DuplicateName:
		return fmt.Sprintf("The name '%s' already exists.", f.Name)
	case *types.InsufficientFailoverResourcesFault:
		return "Insufficient resources to satisfy configured failover level for vSphere HA."
	case *types.NoDiskSpace:
		return fmt.Sprintf("Insufficient disk space on datastore '%s'.", f.Datastore)
	case *types.InvalidPowerState:
		return fmt.Sprintf("The attempted operation cannot be performed in the current state (%s).", f.ExistingState)
	case *types.InvalidArgument:
		return fmt.Sprintf("A specified parameter was not correct: %s", f.InvalidProperty)
	case *types.NoPermission:
		return "Permission to perform this operation was denied."
	case *types.ManagedObjectNotFound:
		return "The object has already been deleted or has not been completely created"
	case *types.InvalidDatastore:
		return fmt.Sprintf("Invalid datastore '%s'.", f.Name)
	case *types.TaskInProgress:
		return "The operation is not allowed in the current state: another task is already in progress."
	case *types.SystemError:
		return "A general system error occurred: " + f.Reason
	}
	return reflect.TypeOf(f).Elem().Name()
}
