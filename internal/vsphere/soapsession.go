package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"golang.org/x/sync/singleflight"
)

// errClosed is the cause of calls that come after the logout.
var errClosed = errors.New("the session was closed at the end of the run")

// How often, and after which pauses, a read whose answer was lost is made again.
const (
	resends        = 2
	resendPause    = 200 * time.Millisecond
	resendMaxPause = time.Second
)

// soapSession is a soap.RoundTripper that logs in again, once, when vCenter no
// longer knows the session: it has expired, or vCenter was started again.
type soapSession struct {
	config  Config
	client  *soap.Client
	jar     *jar
	content types.ServiceContent

	// generation counts the logins, so that of many calls that find the session
	// gone only the first one logs in.
	generation atomic.Uint64
	flight     singleflight.Group
	closed     atomic.Bool
	trial      trial

	mu      sync.Mutex
	key     string // of the session
	refused error  // a login that vCenter refused: not tried again
}

func newSOAPSession(c Config, transport http.RoundTripper) *soapSession {
	s := &soapSession{config: c, jar: newJar()}
	s.client = soap.NewClient(c.endpoint("/sdk"), c.InsecureSkipVerify)
	s.client.Client = http.Client{Transport: leanTransport{transport}, Jar: s.jar}
	s.client.UserAgent = c.UserAgent
	s.client.Namespace = "urn:" + vim25.Namespace
	s.client.Version = vim25.Version
	return s
}

// open reads the service content, which needs no login, and logs in.
func (s *soapSession) open(ctx context.Context) error {
	var content types.ServiceContent
	err := resend(ctx, s.config.Server, func() (err error) {
		content, err = methods.GetServiceContent(ctx, s.client)
		return err
	})
	if err != nil {
		return err
	}
	if content.About.ApiType != "VirtualCenter" {
		return fmt.Errorf("%s is not a vCenter but %s: set the vCenter that manages the host", s.config.Server, content.About.FullName)
	}
	s.content = content
	return s.login(ctx)
}

// login opens a session. The cookies of an older one go first: vCenter refuses
// a login inside a session.
func (s *soapSession) login(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return errClosed // a call was under way, to which vCenter says that the session is gone
	}
	if s.refused != nil {
		return s.refused
	}
	var res *types.LoginResponse
	// A session whose answer was lost ends by itself.
	err := resend(ctx, s.config.Server, func() (err error) {
		s.jar.clear()
		res, err = methods.Login(ctx, s.client, &types.Login{
			This:     *s.content.SessionManager,
			UserName: s.config.Username,
			Password: s.config.Password,
			Locale:   "en_US",
		})
		return err
	})
	if isFault[types.BaseInvalidLogin](err) {
		s.refused = refusedLogin(s.config, isFault[*types.PasswordExpired](err))
		return s.refused
	}
	if err != nil {
		return err
	}
	s.key = res.Returnval.Key
	s.generation.Add(1)
	s.trial.open()
	return nil
}

// unaccepted is the error of calls in a session that was opened a moment ago.
func (s *soapSession) unaccepted() error {
	return &Error{
		Reason: fmt.Sprintf("vCenter %s does not know a session that it has just opened for %q", s.config.Server, s.config.Username),
		Advice: "a proxy or load balancer in between may lose its cookie or send calls to different servers, " +
			"or an administrator ends the sessions of the account; no other session is tried for a while",
	}
}

func refusedLogin(c Config, expired bool) error {
	reason := fmt.Sprintf("vCenter refuses the user name or the password of %q", c.Username)
	if expired {
		reason = fmt.Sprintf("the password of %q has expired", c.Username)
	}
	return &Error{
		Op:     "log in to vCenter " + c.Server,
		Reason: reason,
		Advice: "it is not retried in this run, so as not to lock the account",
		kind:   kindLogin,
	}
}

// sessionKey names the current session to the authorization manager.
func (s *soapSession) sessionKey() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

// RoundTrip implements soap.RoundTripper.
func (s *soapSession) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	return s.roundTrip(ctx, func(ctx context.Context) error { return s.send(ctx, req, res) }, res)
}

// roundTrip makes a call in the session, and again in a new one where vCenter no longer knows
// it.
func (s *soapSession) roundTrip(ctx context.Context, send func(context.Context) error, res soap.HasFault) error {
	if s.closed.Load() {
		return errClosed
	}
	seen := s.generation.Load()
	err := send(ctx)
	if !sessionGone(err, res) {
		s.noteServed(err)
		return err
	}
	if err := s.renew(ctx, seen); err != nil {
		return err
	}
	reflect.ValueOf(res).Elem().SetZero() // it holds the fault of the first try
	err = send(ctx)
	if sessionGone(err, res) {
		return s.unaccepted()
	}
	s.noteServed(err)
	return err
}

// noteServed notes that vCenter knows the session, where it has responded.
func (s *soapSession) noteServed(err error) {
	if fault, _ := methodFault(err); err == nil || fault != nil {
		s.trial.served()
	}
}

// send makes a call, and a read again where its answer is lost. What changes anything
// is sent once: whether it was done is the caller's to find out.
func (s *soapSession) send(ctx context.Context, req, res soap.HasFault) error {
	if !readsOnly(req) {
		return s.client.RoundTrip(ctx, req, res)
	}
	return resend(ctx, s.config.Server, func() error { return s.client.RoundTrip(ctx, req, res) })
}

// readsOnly reports whether a call changes nothing. The next page of a read is not
// there twice.
func readsOnly(req soap.HasFault) bool {
	switch req.(type) {
	case *methods.RetrievePropertiesExBody, *methods.CurrentTimeBody,
		*methods.HasPrivilegeOnEntitiesBody, *methods.HasUserPrivilegeOnEntitiesBody:
		return true
	}
	return false
}

// resend makes a call again, a few times, while its connection breaks. It is for a
// lost packet; a vCenter that is away is waited for by the runner.
func resend(ctx context.Context, server string, call func() error) error {
	pause := resendPause
	for try := 0; ; try++ {
		err := call()
		if f, _ := methodFault(err); err == nil || f != nil || try == resends || certificateError(server, err) != nil || !broken(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause = min(2*pause, resendMaxPause)
	}
}

// renew logs in again, unless another call has done so since the generation seen.
func (s *soapSession) renew(ctx context.Context, seen uint64) error {
	result := s.flight.DoChan("login", func() (any, error) {
		if s.generation.Load() != seen {
			return nil, nil
		}
		if s.trial.over() {
			return nil, s.unaccepted()
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
		defer cancel()
		return nil, s.login(ctx)
	})
	select {
	case <-ctx.Done():
		return ctx.Err()
	case r := <-result:
		return r.Err
	}
}

func (s *soapSession) logout(ctx context.Context) error {
	if s.closed.Swap(true) || s.content.SessionManager == nil {
		return nil
	}
	s.mu.Lock() // a login that has begun ends before: its session is the one to end
	defer s.mu.Unlock()
	_, err := methods.Logout(ctx, s.client, &types.Logout{This: *s.content.SessionManager})
	if isFault[*types.NotAuthenticated](err) {
		return nil
	}
	return err
}

// sessionGone reports whether a response means that vCenter does not know the
// session. A property read says so for each property instead of as a fault.
func sessionGone(err error, res soap.HasFault) bool {
	if err != nil {
		return isFault[*types.NotAuthenticated](err)
	}
	body, ok := res.(*methods.RetrievePropertiesExBody)
	if !ok || body.Res == nil || body.Res.Returnval == nil {
		return false
	}
	for _, o := range body.Res.Returnval.Objects {
		for _, m := range o.MissingSet {
			if _, ok := m.Fault.Fault.(*types.NotAuthenticated); ok {
				return true
			}
		}
	}
	return false
}
