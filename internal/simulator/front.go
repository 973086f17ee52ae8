package simulator

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"runtime/debug"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// front stands before vCenter's endpoints. It counts calls and does to them
// what the rules say.
type front struct {
	s    *Simulator
	next http.Handler

	mu    sync.Mutex
	calls Calls
	// left is how many calls are still let through; negative: all.
	left    int
	latency time.Duration
}

func newFront(s *Simulator, latency time.Duration) *front {
	f := &front{s: s, left: -1, latency: latency}
	f.reset()
	return f
}

// ServeHTTP passes a call on, unless something is to go wrong with it.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := classify(r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away while it was asking
	}
	latency, ok := f.admit(c)
	if !ok {
		f.s.relay.cut() // a client that is dead here is dead there
		panic(http.ErrAbortHandler)
	}
	hits := f.s.rules.call(c.name)

	var after bool
	for _, hit := range hits {
		if hit.Kind == DelayCall {
			latency += hit.Delay
		}
	}
	if !f.pause(r, latency) {
		panic(http.ErrAbortHandler)
	}
	for _, hit := range hits {
		switch hit.Kind {
		case DropBefore:
			panic(http.ErrAbortHandler)
		case RefuseCall:
			f.refuse(w, c, hit)
			return
		case DropAfter:
			after = true
		}
	}
	w.Header().Set("Date", f.s.clock.now().Format(http.TimeFormat))
	f.s.sessions.strip(r)
	if after {
		f.next.ServeHTTP(&discarder{header: make(http.Header)}, r)
		panic(http.ErrAbortHandler)
	}
	defer f.recoverPanic(w, c)
	f.next.ServeHTTP(w, r)
}

// recoverPanic answers a call on which vcsim panicked with the fault that a
// vCenter has for what it did not expect.
func (f *front) recoverPanic(w http.ResponseWriter, c call) {
	r := recover()
	if r == nil {
		return
	}
	if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(r)
	}
	f.s.logf("panic in %s: %v\n%s", c.name, r, debug.Stack())
	if !c.soap {
		restError(w, "internal_server_error")
		return
	}
	f.respond(w, &types.SystemError{Reason: fmt.Sprint(r)})
}

// admit counts a call and reports whether it is let through.
func (f *front) admit(c call) (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.soap {
		f.calls.SOAP[c.name]++
	} else {
		f.calls.REST[c.name]++
	}
	f.calls.Total++
	if f.left == 0 {
		return 0, false
	}
	if f.left > 0 {
		f.left--
	}
	return f.latency, true
}

func (f *front) pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	case <-f.s.closed:
		return false
	}
}

func (f *front) snapshot() Calls {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Calls{SOAP: maps.Clone(f.calls.SOAP), REST: maps.Clone(f.calls.REST), Total: f.calls.Total}
}

func (f *front) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = Calls{SOAP: make(map[string]int), REST: make(map[string]int)}
}

// stopAfter lets k-1 more calls through; none of a k below 2.
func (f *front) stopAfter(k int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = max(k-1, 0)
}

func (f *front) resume() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = -1
}

func (f *front) stopped() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left == 0
}

func (f *front) setLatency(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latency = d
}

// refuse responds to a call with the fault of a rule.
func (f *front) refuse(w http.ResponseWriter, c call, rule Fault) {
	if !c.soap {
		restError(w, rule.Fault)
		return
	}
	made, err := newFault(rule)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	f.respond(w, made)
}

// respond writes a SOAP fault.
func (f *front) respond(w http.ResponseWriter, made fault) {
	body, err := soapFault(made)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write(body)
}

// soapFault returns the answer to a SOAP call that fails with f.
func soapFault(f fault) ([]byte, error) {
	kind := reflect.TypeOf(f).Elem().Name()
	var out bytes.Buffer
	out.WriteString(xml.Header)
	out.WriteString(`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>` +
		`<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>`)
	if err := xml.EscapeText(&out, []byte(faultMessage(f))); err != nil {
		return nil, fmt.Errorf("encode fault: %w", err)
	}
	out.WriteString(`</faultstring><detail>`)
	encoder := xml.NewEncoder(&out)
	err := encoder.EncodeElement(f, xml.StartElement{
		Name: xml.Name{Local: kind + "Fault"},
		Attr: []xml.Attr{
			{Name: xml.Name{Local: "xmlns"}, Value: "urn:" + vim25.Namespace},
			{Name: xml.Name{Local: "xsi:type"}, Value: kind},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode fault: %w", err)
	}
	out.WriteString(`</detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>`)
	return out.Bytes(), nil
}

// discarder is the response writer of a dropped connection.
type discarder struct{ header http.Header }

// Header returns the header of the answer.
func (d *discarder) Header() http.Header { return d.header }

// Write takes a part of the body.
func (d *discarder) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader takes the status.
func (d *discarder) WriteHeader(int) {}
