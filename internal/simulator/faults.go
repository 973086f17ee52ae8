package simulator

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// FaultKind is what a Fault does to a call.
type FaultKind string

// The kinds of Fault.
const (
	// RefuseCall answers the call with a fault and does not do it.
	RefuseCall FaultKind = "refuse"
	// FailTask lets the call start its task, which then fails.
	FailTask FaultKind = "fail-task"
	// DropBefore closes the connection before the call is done.
	DropBefore FaultKind = "drop-before"
	// DropAfter does the call and closes the connection instead of answering.
	DropAfter FaultKind = "drop-after"
	// DelayCall does the call later.
	DelayCall FaultKind = "delay"
)

// Fault is a rule that goes wrong for a client.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Call is the SOAP method, or verb and kind of path of a REST call as
	// Calls counts them. Empty: every call.
	Call string `json:"call,omitempty"`
	// Nth is the matching call that is hit first, counted from when the rule
	// was added; 0 is 1.
	Nth int `json:"nth,omitempty"`
	// Times is how many matching calls in a row are hit; 0 is 1, and less
	// means from then on all of them.
	Times int `json:"times,omitempty"`
	// Fault is the vSphere fault of RefuseCall and FailTask, e.g.
	// TaskInProgress, HostCommunication, NoDiskSpace, NotAuthenticated; for a
	// REST call a vAPI error such as service_unavailable, or proxy_authentication for
	// the 401 of a proxy before vCenter. Default:
	// HostCommunication and internal_server_error.
	Fault string `json:"fault,omitempty"`
	// Privilege is what NoPermission says is missing.
	Privilege string `json:"privilege,omitempty"`
	// Object is the reference that NoPermission names.
	Object string `json:"object,omitempty"`
	// Delay is for DelayCall.
	Delay time.Duration `json:"delay,omitempty"`
}

func (f Fault) validate() error {
	switch f.Kind {
	case RefuseCall, FailTask:
		if strings.Contains(f.Call, " ") {
			return nil // a REST error is only a word
		}
		_, err := newFault(f)
		return err
	case DropBefore, DropAfter:
		return nil
	case DelayCall:
		if f.Delay <= 0 {
			return fmt.Errorf("fault %q: delay is missing", f.Kind)
		}
		return nil
	}
	return fmt.Errorf("unknown kind of fault %q", f.Kind)
}

// newFault makes the vSphere fault that a rule names.
func newFault(f Fault) (fault, error) {
	name := f.Fault
	if name == "" {
		name = "HostCommunication"
	}
	kind, ok := types.TypeFunc()(name)
	if !ok {
		return nil, fmt.Errorf("unknown fault %q", name)
	}
	made, ok := reflect.New(kind).Interface().(fault)
	if !ok {
		return nil, fmt.Errorf("%q is not a fault", name)
	}
	switch x := made.(type) {
	case *types.NoPermission:
		x.PrivilegeId = f.Privilege
		if object := new(types.ManagedObjectReference); object.FromString(f.Object) {
			x.Object = object
		}
	case *types.NotAuthenticated:
		x.PrivilegeId = "System.View"
	case *types.NoDiskSpace:
		x.Datastore = "shared-1"
	}
	return made, nil
}

// rules are the faults in force.
type rules struct {
	mu     sync.Mutex
	active []*activeRule
}

type activeRule struct {
	Fault
	seen int // matching calls so far
	hits int
}

func (r *rules) add(f Fault) error {
	if err := f.validate(); err != nil {
		return err
	}
	f.Nth = max(f.Nth, 1)
	if f.Times == 0 {
		f.Times = 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = append(r.active, &activeRule{Fault: f})
	return nil
}

func (r *rules) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = nil
}

// list returns the rules that may still hit something.
func (r *rules) list() []Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []Fault
	for _, rule := range r.active {
		if !rule.spent() {
			left = append(left, rule.Fault)
		}
	}
	return left
}

func (r *activeRule) spent() bool { return r.Times > 0 && r.hits >= r.Times }

// call counts a call against all rules and returns those that hit it. Rules
// that fail tasks are counted where the task starts.
func (r *rules) call(name string) []Fault {
	return r.match(name, func(k FaultKind) bool { return k != FailTask })
}

// task returns the fault with which the task of a method fails, if it does.
func (r *rules) task(method string) fault {
	for _, hit := range r.match(method, func(k FaultKind) bool { return k == FailTask }) {
		if f, err := newFault(hit); err == nil {
			return f
		}
	}
	return nil
}

func (r *rules) match(name string, kind func(FaultKind) bool) []Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	var hits []Fault
	for _, rule := range r.active {
		if !kind(rule.Kind) || rule.Call != "" && rule.Call != name {
			continue
		}
		rule.seen++
		if rule.seen >= rule.Nth && !rule.spent() {
			rule.hits++
			hits = append(hits, rule.Fault)
		}
	}
	r.active = slices.DeleteFunc(r.active, (*activeRule).spent)
	return hits
}
