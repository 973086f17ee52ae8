package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Control drives a simulator in another process. Its methods are those of
// Simulator.
type Control struct {
	// URL is that of Simulator.ControlURL.
	URL string
	// Client is for the calls; http.DefaultClient where it is nil.
	Client *http.Client
}

// NewControl returns the control of the simulator whose control API is at url.
func NewControl(url string) *Control { return &Control{URL: strings.TrimSuffix(url, "/")} }

// State returns the simulator's whole state.
func (c *Control) State(ctx context.Context) (State, error) {
	var state State
	err := c.call(ctx, http.MethodGet, "state", nil, &state)
	return state, err
}

// ResetCalls starts counting anew.
func (c *Control) ResetCalls(ctx context.Context) error {
	return c.post(ctx, "calls/reset", controlRequest{})
}

// StopAfter lets k-1 more calls through until Resume.
func (c *Control) StopAfter(ctx context.Context, k int) error {
	return c.post(ctx, "calls/stop", controlRequest{Calls: k})
}

// Resume lets calls through again.
func (c *Control) Resume(ctx context.Context) error {
	return c.post(ctx, "calls/resume", controlRequest{})
}

// AddFault puts a rule in force.
func (c *Control) AddFault(ctx context.Context, f Fault) error {
	return c.post(ctx, "faults/add", controlRequest{Fault: &f})
}

// ClearFaults ends all rules.
func (c *Control) ClearFaults(ctx context.Context) error {
	return c.post(ctx, "faults/clear", controlRequest{})
}

// SetLatency changes what is added to every vCenter call.
func (c *Control) SetLatency(ctx context.Context, d time.Duration) error {
	return c.post(ctx, "latency", controlRequest{Duration: duration(d)})
}

// SetTaskDuration changes how long a task runs at least, by vCenter's clock.
func (c *Control) SetTaskDuration(ctx context.Context, d time.Duration) error {
	return c.post(ctx, "task-duration", controlRequest{Duration: duration(d)})
}

// AdvanceClock moves vCenter's clock.
func (c *Control) AdvanceClock(ctx context.Context, d time.Duration) error {
	return c.post(ctx, "clock/advance", controlRequest{Duration: duration(d)})
}

// ExpireSessions ends all sessions.
func (c *Control) ExpireSessions(ctx context.Context) error {
	return c.post(ctx, "sessions/end", controlRequest{})
}

// ForgetTasks drops finished tasks.
func (c *Control) ForgetTasks(ctx context.Context) error {
	return c.post(ctx, "tasks/forget", controlRequest{})
}

// Restart ends all sessions and drops finished tasks.
func (c *Control) Restart(ctx context.Context) error { return c.post(ctx, "restart", controlRequest{}) }

// DeleteVM powers a machine off and deletes it, by name.
func (c *Control) DeleteVM(ctx context.Context, name string) error {
	return c.post(ctx, "vms/delete", controlRequest{Name: name})
}

// PowerOffVM powers a machine off, by name.
func (c *Control) PowerOffVM(ctx context.Context, name string) error {
	return c.post(ctx, "vms/power-off", controlRequest{Name: name})
}

// PowerOnVM powers a machine on, by name.
func (c *Control) PowerOnVM(ctx context.Context, name string) error {
	return c.post(ctx, "vms/power-on", controlRequest{Name: name})
}

// HangVM stops the kubelet in a machine that runs on, by name.
func (c *Control) HangVM(ctx context.Context, name string) error {
	return c.post(ctx, "vms/hang", controlRequest{Name: name})
}

// RenameVM gives a machine another name.
func (c *Control) RenameVM(ctx context.Context, name, to string) error {
	return c.post(ctx, "vms/rename", controlRequest{Name: name, To: to})
}

// MoveVM moves a machine into a folder.
func (c *Control) MoveVM(ctx context.Context, name, folder string) error {
	return c.post(ctx, "vms/move", controlRequest{Name: name, To: folder})
}

// SetVMOption sets an advanced option of a machine or a template.
func (c *Control) SetVMOption(ctx context.Context, name, key, value string) error {
	return c.post(ctx, "vms/set-option", controlRequest{Name: name, Key: key, Value: value})
}

// AttachDisk attaches a foreign disk to a machine and returns its path.
func (c *Control) AttachDisk(ctx context.Context, name string, gigabytes int64) (string, error) {
	var response controlResponse
	err := c.call(ctx, http.MethodPost, "vms/attach-disk", controlRequest{Name: name, Bytes: gigabytes * gib}, &response)
	return response.Path, err
}

// SetFreeSpace says how many bytes are free on a datastore.
func (c *Control) SetFreeSpace(ctx context.Context, datastore string, free int64) error {
	return c.post(ctx, "datastores/set", controlRequest{Name: datastore, Bytes: free})
}

// DenyPrivilege takes a privilege from a user, or from everyone.
func (c *Control) DenyPrivilege(ctx context.Context, user, privilege string) error {
	return c.post(ctx, "privileges/deny", controlRequest{User: user, Privilege: privilege})
}

// DenyPrivilegeOn takes a privilege on an object and all below it.
func (c *Control) DenyPrivilegeOn(ctx context.Context, user, privilege, object string) error {
	return c.post(ctx, "privileges/deny", controlRequest{User: user, Privilege: privilege, Object: object})
}

// RestorePrivileges gives all privileges back.
func (c *Control) RestorePrivileges(ctx context.Context) error {
	return c.post(ctx, "privileges/restore", controlRequest{})
}

// HideTag makes a tag unreadable, by its id or its name.
func (c *Control) HideTag(ctx context.Context, tag string) error {
	return c.post(ctx, "tags/hide", controlRequest{Name: tag})
}

// Shutdown asks the process that runs the simulator to end.
func (c *Control) Shutdown(ctx context.Context) error {
	return c.post(ctx, "shutdown", controlRequest{})
}

func (c *Control) post(ctx context.Context, path string, r controlRequest) error {
	return c.call(ctx, http.MethodPost, path, r, nil)
}

func (c *Control) call(ctx context.Context, method, path string, body, into any) error {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("control %s: %w", path, err)
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+"/"+path, payload)
	if err != nil {
		return fmt.Errorf("control %s: %w", path, err)
	}
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("control %s: %w", path, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("control %s: %w", path, err)
	}
	if res.StatusCode != http.StatusOK {
		var response controlResponse
		_ = json.Unmarshal(raw, &response)
		return fmt.Errorf("control %s: %s: %s", path, res.Status, response.Error)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("control %s: %w", path, err)
	}
	return nil
}
