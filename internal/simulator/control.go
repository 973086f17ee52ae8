package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// State is the state of a simulator, as the control API returns it.
type State struct {
	Server                string    `json:"server"`
	CACertificate         string    `json:"ca_certificate"`
	Now                   time.Time `json:"now"` // vCenter's clock
	Calls                 Calls     `json:"calls"`
	Sessions              Sessions  `json:"sessions"`
	Stopped               bool      `json:"stopped"`
	Faults                []Fault   `json:"faults"`
	Leftovers             Leftovers `json:"leftovers"`
	Guests                []Guest   `json:"guests"`
	DestroyedDisks        []string  `json:"destroyed_disks"`
	DestroyedForeignDisks []string  `json:"destroyed_foreign_disks"`
}

// State returns the simulator's whole state.
func (s *Simulator) State() State {
	return State{
		Server:                s.Server(),
		CACertificate:         s.CACertificate(),
		Now:                   s.Now(),
		Calls:                 s.Calls(),
		Sessions:              s.Sessions(),
		Stopped:               s.Stopped(),
		Faults:                s.Faults(),
		Leftovers:             s.Leftovers(),
		Guests:                s.Guests(),
		DestroyedDisks:        s.DestroyedDisks(),
		DestroyedForeignDisks: s.DestroyedForeignDisks(),
	}
}

// controlRequest is the body of a control call; each operation reads its part of it.
type controlRequest struct {
	Name      string   `json:"name,omitempty"` // of a VM, a datastore or a tag
	To        string   `json:"to,omitempty"`   // new name or folder
	Key       string   `json:"key,omitempty"`  // advanced option of a VM
	Value     string   `json:"value,omitempty"`
	Object    string   `json:"object,omitempty"` // inventory path, or GlobalPermission
	User      string   `json:"user,omitempty"`   // the account that loses Privilege
	Privilege string   `json:"privilege,omitempty"`
	Calls     int      `json:"calls,omitempty"`
	Bytes     int64    `json:"bytes,omitempty"`
	Duration  duration `json:"duration,omitzero"`
	Fault     *Fault   `json:"fault,omitempty"`
}

// duration is a time in the API's JSON as people write it, such as "1m30s".
type duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// controlResponse is the body of a response.
type controlResponse struct {
	Path  string `json:"path,omitempty"`
	Error string `json:"error,omitempty"`
}

// control is one operation of the control API.
type control func(s *Simulator, r controlRequest) (controlResponse, error)

// always makes a control of an operation that can't fail.
func always(operation func(s *Simulator, r controlRequest)) control {
	return func(s *Simulator, r controlRequest) (controlResponse, error) {
		operation(s, r)
		return controlResponse{}, nil
	}
}

// fallible makes a control of an operation that returns only an error.
func fallible(operation func(s *Simulator, r controlRequest) error) control {
	return func(s *Simulator, r controlRequest) (controlResponse, error) {
		return controlResponse{}, operation(s, r)
	}
}

// controls are the operations of the control API, by path.
var controls = map[string]control{
	"calls/reset":        always(func(s *Simulator, _ controlRequest) { s.ResetCalls() }),
	"calls/stop":         always(func(s *Simulator, r controlRequest) { s.StopAfter(r.Calls) }),
	"calls/resume":       always(func(s *Simulator, _ controlRequest) { s.Resume() }),
	"faults/add":         fallible(addFault),
	"faults/clear":       always(func(s *Simulator, _ controlRequest) { s.ClearFaults() }),
	"latency":            always(func(s *Simulator, r controlRequest) { s.SetLatency(time.Duration(r.Duration)) }),
	"task-duration":      always(func(s *Simulator, r controlRequest) { s.SetTaskDuration(time.Duration(r.Duration)) }),
	"clock/advance":      always(func(s *Simulator, r controlRequest) { s.AdvanceClock(time.Duration(r.Duration)) }),
	"sessions/end":       always(func(s *Simulator, _ controlRequest) { s.ExpireSessions() }),
	"tasks/forget":       always(func(s *Simulator, _ controlRequest) { s.ForgetTasks() }),
	"restart":            always(func(s *Simulator, _ controlRequest) { s.Restart() }),
	"vms/delete":         fallible(func(s *Simulator, r controlRequest) error { return s.DeleteVM(r.Name) }),
	"vms/power-off":      fallible(func(s *Simulator, r controlRequest) error { return s.PowerOffVM(r.Name) }),
	"vms/power-on":       fallible(func(s *Simulator, r controlRequest) error { return s.PowerOnVM(r.Name) }),
	"vms/hang":           fallible(func(s *Simulator, r controlRequest) error { return s.HangVM(r.Name) }),
	"vms/rename":         fallible(func(s *Simulator, r controlRequest) error { return s.RenameVM(r.Name, r.To) }),
	"vms/move":           fallible(func(s *Simulator, r controlRequest) error { return s.MoveVM(r.Name, r.To) }),
	"vms/set-option":     fallible(func(s *Simulator, r controlRequest) error { return s.SetVMOption(r.Name, r.Key, r.Value) }),
	"vms/attach-disk":    attachDisk,
	"datastores/set":     fallible(func(s *Simulator, r controlRequest) error { return s.SetFreeSpace(r.Name, r.Bytes) }),
	"privileges/deny":    fallible(denyPrivilege),
	"privileges/restore": always(func(s *Simulator, _ controlRequest) { s.RestorePrivileges() }),
	"tags/hide":          fallible(hideTag),
	"shutdown":           always(func(s *Simulator, _ controlRequest) { s.requestStop() }),
}

func addFault(s *Simulator, r controlRequest) error {
	if r.Fault == nil {
		return errors.New("fault is missing")
	}
	return s.AddFault(*r.Fault)
}

func denyPrivilege(s *Simulator, r controlRequest) error {
	if r.Object != "" {
		return s.DenyPrivilegeOn(r.User, r.Privilege, r.Object)
	}
	s.DenyPrivilege(r.User, r.Privilege)
	return nil
}

func attachDisk(s *Simulator, r controlRequest) (controlResponse, error) {
	file, err := s.AttachDisk(r.Name, max(r.Bytes/gib, 1))
	return controlResponse{Path: file}, err
}

func hideTag(s *Simulator, r controlRequest) error {
	if !s.HideTag(r.Name) {
		return fmt.Errorf("no tag %q", r.Name)
	}
	return nil
}

// controlServer serves the control API. It is for tests on the same machine and
// has no access control.
type controlServer struct {
	listener net.Listener
	server   *http.Server
	done     sync.WaitGroup
}

func startControl(s *Simulator, listen string) (*controlServer, error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("listen for the control API: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.State()) })
	for path, operation := range controls {
		mux.HandleFunc("POST /"+path, func(w http.ResponseWriter, r *http.Request) { operation.serve(s, w, r) })
	}
	c := &controlServer{listener: listener, server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	c.done.Go(func() { _ = c.server.Serve(listener) })
	return c, nil
}

func (operation control) serve(s *Simulator, w http.ResponseWriter, r *http.Request) {
	var request controlRequest
	if r.ContentLength != 0 {
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			writeJSON(w, http.StatusBadRequest, controlResponse{Error: err.Error()})
			return
		}
	}
	response, err := operation(s, request)
	if err != nil {
		writeJSON(w, http.StatusConflict, controlResponse{Error: err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, response)
}

func (c *controlServer) url() string { return "http://" + c.listener.Addr().String() }

// close lets requests end that are under way: one may be the request to shut down.
func (c *controlServer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := c.server.Shutdown(ctx)
	if err != nil {
		err = c.server.Close()
	}
	c.done.Wait()
	return err
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// Done returns a channel that is closed when the control API is asked to shut
// the simulator down. The caller of Start closes the simulator.
func (s *Simulator) Done() <-chan struct{} { return s.stopRequested }

func (s *Simulator) requestStop() { s.stopOnce.Do(func() { close(s.stopRequested) }) }
