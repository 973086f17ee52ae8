package simulator

import (
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

// order is the body of a control call; each verb takes its part of it.
type order struct {
	Name      string        `json:"name,omitempty"`      // machine, datastore or tag id
	To        string        `json:"to,omitempty"`        // new name
	User      string        `json:"user,omitempty"`      // whose privilege
	Privilege string        `json:"privilege,omitempty"` // which
	Calls     int           `json:"calls,omitempty"`
	Bytes     int64         `json:"bytes,omitempty"`
	Duration  time.Duration `json:"duration,omitempty"`
	Fault     *Fault        `json:"fault,omitempty"`
}

// reply is what a control call answers beside its status.
type reply struct {
	Path  string `json:"path,omitempty"`
	Error string `json:"error,omitempty"`
}

// verbs are what the control API does, by path.
var verbs = map[string]func(s *Simulator, o order) (reply, error){
	"calls/reset": func(s *Simulator, _ order) (reply, error) { s.ResetCalls(); return reply{}, nil },
	"calls/stop":  func(s *Simulator, o order) (reply, error) { s.StopAfter(o.Calls); return reply{}, nil },
	"calls/resume": func(s *Simulator, _ order) (reply, error) {
		s.Resume()
		return reply{}, nil
	},
	"faults/add": func(s *Simulator, o order) (reply, error) {
		if o.Fault == nil {
			return reply{}, errors.New("fault is missing")
		}
		return reply{}, s.AddFault(*o.Fault)
	},
	"faults/clear":   func(s *Simulator, _ order) (reply, error) { s.ClearFaults(); return reply{}, nil },
	"latency":        func(s *Simulator, o order) (reply, error) { s.SetLatency(o.Duration); return reply{}, nil },
	"task-duration":  func(s *Simulator, o order) (reply, error) { s.SetTaskDuration(o.Duration); return reply{}, nil },
	"clock/advance":  func(s *Simulator, o order) (reply, error) { s.AdvanceClock(o.Duration); return reply{}, nil },
	"sessions/end":   func(s *Simulator, _ order) (reply, error) { s.ExpireSessions(); return reply{}, nil },
	"tasks/forget":   func(s *Simulator, _ order) (reply, error) { s.ForgetTasks(); return reply{}, nil },
	"restart":        func(s *Simulator, _ order) (reply, error) { s.Restart(); return reply{}, nil },
	"vms/delete":     func(s *Simulator, o order) (reply, error) { return reply{}, s.DeleteVM(o.Name) },
	"vms/power-off":  func(s *Simulator, o order) (reply, error) { return reply{}, s.PowerOffVM(o.Name) },
	"vms/power-on":   func(s *Simulator, o order) (reply, error) { return reply{}, s.PowerOnVM(o.Name) },
	"vms/rename":     func(s *Simulator, o order) (reply, error) { return reply{}, s.RenameVM(o.Name, o.To) },
	"datastores/set": func(s *Simulator, o order) (reply, error) { return reply{}, s.SetFreeSpace(o.Name, o.Bytes) },
	"vms/attach-disk": func(s *Simulator, o order) (reply, error) {
		file, err := s.AttachDisk(o.Name, max(o.Bytes/gib, 1))
		return reply{Path: file}, err
	},
	"privileges/deny": func(s *Simulator, o order) (reply, error) {
		s.DenyPrivilege(o.User, o.Privilege)
		return reply{}, nil
	},
	"privileges/restore": func(s *Simulator, _ order) (reply, error) { s.RestorePrivileges(); return reply{}, nil },
	"tags/hide": func(s *Simulator, o order) (reply, error) {
		if !s.HideTag(o.Name) {
			return reply{}, fmt.Errorf("no tag %q", o.Name)
		}
		return reply{}, nil
	},
	"shutdown": func(s *Simulator, _ order) (reply, error) { s.askToStop(); return reply{}, nil },
}

// controlServer serves the control API. It is for tests on the same machine:
// whoever reaches it may do everything.
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
	for path, verb := range verbs {
		mux.HandleFunc("POST /"+path, func(w http.ResponseWriter, r *http.Request) {
			var o order
			if r.ContentLength != 0 {
				if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
					writeJSON(w, http.StatusBadRequest, reply{Error: err.Error()})
					return
				}
			}
			answer, err := verb(s, o)
			if err != nil {
				writeJSON(w, http.StatusConflict, reply{Error: err.Error()})
				return
			}
			writeJSON(w, http.StatusOK, answer)
		})
	}
	c := &controlServer{listener: listener, server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	c.done.Go(func() { _ = c.server.Serve(listener) })
	return c, nil
}

func (c *controlServer) url() string { return "http://" + c.listener.Addr().String() }

func (c *controlServer) close() error {
	err := c.server.Close()
	c.done.Wait()
	return err
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// Done is closed when the control API was asked to shut the simulator down.
// Closing it is up to whoever started it.
func (s *Simulator) Done() <-chan struct{} { return s.asked }

func (s *Simulator) askToStop() { s.asking.Do(func() { close(s.asked) }) }
