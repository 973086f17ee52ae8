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

// Control drives a simulator in another process. Its methods do what those of
// Simulator do.
type Control struct {
	// URL is what Simulator.ControlURL says.
	URL string
	// Client is for the calls; http.DefaultClient where it is nil.
	Client *http.Client
}

// NewControl drives the simulator whose control API is at url.
func NewControl(url string) *Control { return &Control{URL: strings.TrimSuffix(url, "/")} }

// State returns the simulator's whole state.
func (c *Control) State(ctx context.Context) (State, error) {
	var state State
	err := c.call(ctx, http.MethodGet, "state", nil, &state)
	return state, err
}

// ResetCalls starts counting anew.
func (c *Control) ResetCalls(ctx context.Context) error {
	return c.order(ctx, "calls/reset", order{})
}

// StopAfter lets k-1 more calls through until Resume.
func (c *Control) StopAfter(ctx context.Context, k int) error {
	return c.order(ctx, "calls/stop", order{Calls: k})
}

// Resume lets calls through again.
func (c *Control) Resume(ctx context.Context) error { return c.order(ctx, "calls/resume", order{}) }

// AddFault puts a rule in force.
func (c *Control) AddFault(ctx context.Context, f Fault) error {
	return c.order(ctx, "faults/add", order{Fault: &f})
}

// ClearFaults ends all rules.
func (c *Control) ClearFaults(ctx context.Context) error {
	return c.order(ctx, "faults/clear", order{})
}

// SetLatency changes what is added to every vCenter call.
func (c *Control) SetLatency(ctx context.Context, d time.Duration) error {
	return c.order(ctx, "latency", order{Duration: d})
}

// SetTaskDuration changes how long a task runs at least, by vCenter's clock.
func (c *Control) SetTaskDuration(ctx context.Context, d time.Duration) error {
	return c.order(ctx, "task-duration", order{Duration: d})
}

// AdvanceClock moves vCenter's clock.
func (c *Control) AdvanceClock(ctx context.Context, d time.Duration) error {
	return c.order(ctx, "clock/advance", order{Duration: d})
}

// ExpireSessions ends all sessions.
func (c *Control) ExpireSessions(ctx context.Context) error {
	return c.order(ctx, "sessions/end", order{})
}

// ForgetTasks drops finished tasks.
func (c *Control) ForgetTasks(ctx context.Context) error {
	return c.order(ctx, "tasks/forget", order{})
}

// Restart ends all sessions and drops finished tasks.
func (c *Control) Restart(ctx context.Context) error { return c.order(ctx, "restart", order{}) }

// DeleteVM powers a machine off and deletes it, by name.
func (c *Control) DeleteVM(ctx context.Context, name string) error {
	return c.order(ctx, "vms/delete", order{Name: name})
}

// PowerOffVM powers a machine off, by name.
func (c *Control) PowerOffVM(ctx context.Context, name string) error {
	return c.order(ctx, "vms/power-off", order{Name: name})
}

// PowerOnVM powers a machine on, by name.
func (c *Control) PowerOnVM(ctx context.Context, name string) error {
	return c.order(ctx, "vms/power-on", order{Name: name})
}

// RenameVM gives a machine another name.
func (c *Control) RenameVM(ctx context.Context, name, to string) error {
	return c.order(ctx, "vms/rename", order{Name: name, To: to})
}

// AttachDisk attaches a foreign disk to a machine and answers its path.
func (c *Control) AttachDisk(ctx context.Context, name string, gigabytes int64) (string, error) {
	var answer reply
	err := c.call(ctx, http.MethodPost, "vms/attach-disk", order{Name: name, Bytes: gigabytes * gib}, &answer)
	return answer.Path, err
}

// SetFreeSpace says how many bytes are free on a datastore.
func (c *Control) SetFreeSpace(ctx context.Context, datastore string, free int64) error {
	return c.order(ctx, "datastores/set", order{Name: datastore, Bytes: free})
}

// DenyPrivilege takes a privilege from a user, or from everyone.
func (c *Control) DenyPrivilege(ctx context.Context, user, privilege string) error {
	return c.order(ctx, "privileges/deny", order{User: user, Privilege: privilege})
}

// RestorePrivileges gives all privileges back.
func (c *Control) RestorePrivileges(ctx context.Context) error {
	return c.order(ctx, "privileges/restore", order{})
}

// HideTag makes a tag unreadable.
func (c *Control) HideTag(ctx context.Context, id string) error {
	return c.order(ctx, "tags/hide", order{Name: id})
}

// Shutdown asks the process that runs the simulator to end.
func (c *Control) Shutdown(ctx context.Context) error { return c.order(ctx, "shutdown", order{}) }

func (c *Control) order(ctx context.Context, verb string, o order) error {
	return c.call(ctx, http.MethodPost, verb, o, nil)
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
		var answer reply
		_ = json.Unmarshal(raw, &answer)
		return fmt.Errorf("control %s: %s: %s", path, res.Status, answer.Error)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("control %s: %w", path, err)
	}
	return nil
}
