package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// started remembers what a task is for, for the message should it fail.
func (c *Client) started(task types.ManagedObjectReference, op operation) string {
	c.site.tasks.Store(task.String(), op)
	return task.String()
}

// PowerOn implements model.VCenter. It is a call for one VM, with and without DRS:
// the one for many (PowerOnMultiVM_Task) returns no task for a VM that DRS manages,
// and where DRS is set to manual it leaves the VM off with a recommendation.
func (c *Client) PowerOn(ctx context.Context, vm string) (string, error) {
	defer c.site.changed()
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	op := operation{name: "power on " + c.path(ref), done: isIn(types.VirtualMachinePowerStatePoweredOn)}
	res, err := methods.PowerOnVM_Task(ctx, c.soap, &types.PowerOnVM_Task{This: ref})
	if err != nil {
		return "", c.failed(op.name, err)
	}
	return c.started(res.Returnval, op), nil
}

// isIn matches the fault of a VM that is in the wanted power state already.
func isIn(wanted types.VirtualMachinePowerState) func(types.BaseMethodFault) bool {
	return func(f types.BaseMethodFault) bool {
		state, ok := f.(*types.InvalidPowerState)
		return ok && state.ExistingState == wanted
	}
}

// PowerOff implements model.VCenter. A VM that is off already is success.
func (c *Client) PowerOff(ctx context.Context, vm string) (string, error) {
	defer c.site.changed()
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	op := operation{name: "power off " + c.path(ref), done: isIn(types.VirtualMachinePowerStatePoweredOff)}
	res, err := methods.PowerOffVM_Task(ctx, c.soap, &types.PowerOffVM_Task{This: ref})
	if err != nil {
		return "", c.failed(op.name, err)
	}
	return c.started(res.Returnval, op), nil
}

// Destroy implements model.VCenter. It deletes every attached disk, too: what is
// to be kept must have been detached.
func (c *Client) Destroy(ctx context.Context, vm string) (string, error) {
	defer c.site.changed()
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	op := operation{name: "destroy " + c.path(ref)}
	res, err := methods.Destroy_Task(ctx, c.soap, &types.Destroy_Task{This: ref})
	if err != nil {
		return "", c.failed(op.name, err)
	}
	return c.started(res.Returnval, op), nil
}

// What a poll reads. Of the bootstrap data only its encoding is read: cloud-init
// and the wipe clear the data first and the encoding after, and the data itself is
// too large to be read with every tick.
var (
	taskProperties = []string{"info.state", "info.error", "info.result", "info.entityName", "info.descriptionId"}
	vmProperties   = []string{
		"runtime.powerState", "guest.toolsRunningStatus", extraConfig(silencedKey),
		extraConfig(phaseKey), extraConfig(logKey), extraConfig(userdataEncodingKey), extraConfig(addressKey), extraConfig(leaseKey),
		extraConfig(appliedKey),
	}
)

// Poll implements model.VCenter.
func (c *Client) Poll(ctx context.Context, req model.PollRequest) (*model.PollResult, error) {
	result := &model.PollResult{
		Tasks: map[string]model.TaskState{},
		VMs:   map[string]model.VMState{},
		Gone:  map[string]bool{},
	}
	refs, err := parseRefs(slices.Concat(req.Tasks, req.VMs, req.Disks))
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return result, nil
	}
	disks, err := parseRefs(req.Disks)
	if err != nil {
		return nil, err
	}
	found, err := c.retrieve(ctx, pollSpecs(refs, disks)...)
	if err != nil {
		return nil, c.failed("read the state of running tasks and VMs", err)
	}
	for _, ref := range refs {
		result.Gone[ref.String()] = true
	}
	snapshots := snapshotsByVM(found)
	for _, p := range found {
		if p.vanished() || p.ref.Type == "VirtualMachineSnapshot" {
			continue
		}
		ref := p.ref.String()
		delete(result.Gone, ref)
		if f := p.denied(); f != nil {
			return nil, c.failed("read the state of "+c.path(p.ref), c.explainFault(f, ""))
		}
		if p.ref.Type == "Task" {
			result.Tasks[ref] = c.taskState(p)
			continue
		}
		state := vmState(p)
		if slices.Contains(disks, p.ref) {
			withDisks(&state, p, snapshots[p.ref])
		}
		result.VMs[ref] = state
	}
	if len(result.Gone) > 0 {
		c.site.changed()
	}
	return result, nil
}

// cloneTask is how vCenter names the tasks of CloneVM_Task.
const cloneTask = "VirtualMachine.clone"

// Clones implements model.VCenter. vCenter's task manager lists what runs and what has
// ended in the last minutes.
func (c *Client) Clones(ctx context.Context) ([]string, error) {
	if c.soap.content.TaskManager == nil {
		return nil, nil
	}
	found, err := c.retrieve(ctx, types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{
			Obj:  *c.soap.content.TaskManager,
			Skip: types.NewBool(true),
			SelectSet: []types.BaseSelectionSpec{
				&types.TraversalSpec{Type: "TaskManager", Path: "recentTask", Skip: types.NewBool(false)},
			},
		}},
		PropSet: []types.PropertySpec{{Type: "Task", PathSet: []string{"info.state", "info.descriptionId"}}},
	})
	if err != nil {
		return nil, c.failed("list the tasks that are under way", err)
	}
	var tasks []string
	for _, p := range found {
		state := value[types.TaskInfoState](p, "info.state")
		underWay := state == types.TaskInfoStateRunning || state == types.TaskInfoStateQueued
		_, own := c.site.tasks.Load(p.ref.String())
		if underWay && !own && value[string](p, "info.descriptionId") == cloneTask {
			tasks = append(tasks, p.ref.String())
		}
	}
	return tasks, nil
}

func pollSpecs(refs, disks []types.ManagedObjectReference) []types.PropertyFilterSpec {
	specs := []types.PropertyFilterSpec{
		objectsSpec(refs, map[string][]string{"Task": taskProperties, "VirtualMachine": vmProperties}),
	}
	if len(disks) > 0 {
		specs = append(specs, disksSpec(disks))
	}
	return specs
}

func parseRefs(texts []string) ([]types.ManagedObjectReference, error) {
	var refs []types.ManagedObjectReference
	for _, text := range texts {
		ref, err := parseRef("", text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// What a guest says about itself is bounded: whoever is root there writes it.
const (
	maxPhase = 40
	maxLog   = 8 << 10
)

func vmState(p properties) model.VMState {
	return model.VMState{
		PoweredOn: poweredOn(p),
		ToolsRunning: value[string](p, "guest.toolsRunningStatus") ==
			string(types.VirtualMachineToolsRunningStatusGuestToolsRunning),
		Silenced: strings.EqualFold(p.option(silencedKey), "true"),
		Phase:    printable.Line(p.option(phaseKey), maxPhase),
		LogTail:  printable.Tail(p.option(logKey), maxLog),
		Userdata: strings.TrimSpace(p.option(userdataEncodingKey)) != "", // cloud-init leaves one space
		Address:  reportedLease(p, poweredOn(p), addressKey),
		Lease:    reportedLease(p, poweredOn(p), leaseKey),
		Applied:  printable.Line(p.option(appliedKey), maxBackends),
	}
}

// withDisks adds what is attached to a VM, and what its snapshots hold. A VM whose
// files cannot be reached has no device list, which is not an empty one.
func withDisks(state *model.VMState, p properties, snapshots []properties) {
	_, attached := p.values["config.hardware.device"]
	held, read := heldDisks(p, snapshots)
	state.DisksRead = attached && read
	state.Disks = disksOf(p)
	state.HeldDisks = held
}

func (c *Client) taskState(p properties) model.TaskState {
	ref := p.ref.String()
	stored, _ := c.site.tasks.Load(ref)
	op, known := stored.(operation)
	if !known {
		op.name = fmt.Sprintf("%s on %q", value[string](p, "info.descriptionId"), value[string](p, "info.entityName"))
	}
	switch value[types.TaskInfoState](p, "info.state") {
	case types.TaskInfoStateSuccess:
		c.ended(ref)
		state := model.TaskState{Done: true}
		if vm, ok := p.values["info.result"].(types.ManagedObjectReference); ok && vm.Type == "VirtualMachine" {
			state.VM = vm.String()
			if op.makes != "" {
				c.site.paths.Store(vm, op.makes)
			}
		}
		return state
	case types.TaskInfoStateError:
		c.ended(ref)
		return model.TaskState{Done: true, Err: c.taskError(op, p)}
	}
	return model.TaskState{}
}

// ended notes that a task has ended, and with it the change that it made.
func (c *Client) ended(task string) {
	c.site.tasks.Delete(task)
	c.site.changed()
}

func (c *Client) taskError(op operation, p properties) error {
	failed, ok := p.values["info.error"].(types.LocalizedMethodFault)
	if !ok || failed.Fault == nil {
		reason := failed.LocalizedMessage
		if reason == "" {
			reason = "the task failed, and vCenter does not say why"
		}
		return &Error{Op: op.name, Reason: reason}
	}
	if op.done != nil && op.done(failed.Fault) {
		return nil
	}
	e := c.explainFault(failed.Fault, failed.LocalizedMessage)
	e.Op = op.name
	return e
}

// wait polls one task until it has ended, for the few operations that take a
// moment.
func (c *Client) wait(ctx context.Context, task string) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		res, err := c.Poll(ctx, model.PollRequest{Tasks: []string{task}})
		if err != nil {
			return err
		}
		if state := res.Tasks[task]; state.Done || res.Gone[task] {
			return state.Err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
