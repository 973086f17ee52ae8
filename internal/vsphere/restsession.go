package vsphere

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-retryablehttp"
)

const sessionPath = "/com/vmware/cis/session"

// restSession talks to vCenter's REST endpoint, where the tags are. It logs in
// when it is first used, after the SOAP session was opened, and again, once, when
// vCenter no longer knows the session.
type restSession struct {
	config Config
	http   *retryablehttp.Client
	slow   *retryablehttp.Client // for calls that are answered when their work is done
	trial  trial

	mu      sync.Mutex
	id      string
	refused error
	closed  bool
}

// readOnly marks a request that may be sent again after a lost response, since it
// changes nothing or may be done twice. A create may not: "already exists" would then
// mean either of two things.
type readOnly struct{}

// slowCall marks a request that vCenter answers when its work is done, which may take as long
// as its context allows.
type slowCall struct{}

func newRESTSession(c Config, transport *http.Transport) *restSession {
	patient := transport.Clone()
	patient.ResponseHeaderTimeout = 0
	patient.DisableKeepAlives = true
	return &restSession{config: c, http: newRESTClient(c, transport), slow: newRESTClient(c, patient)}
}

func newRESTClient(c Config, transport http.RoundTripper) *retryablehttp.Client {
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: transport}
	client.Logger = nil
	client.RetryMax = resends
	client.RetryWaitMin = resendPause
	client.RetryWaitMax = resendMaxPause
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	client.CheckRetry = func(ctx context.Context, res *http.Response, err error) (bool, error) {
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case ctx.Value(readOnly{}) == nil:
			return false, nil
		case err != nil:
			return certificateError(c.Server, err) == nil && broken(err), nil
		}
		return startingUp(res.StatusCode), nil
	}
	return client
}

// startingUpStatuses are what vCenter responds with while it is up but its service
// is not.
var startingUpStatuses = []int{
	http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests,
}

func startingUp(status int) bool { return slices.Contains(startingUpStatuses, status) }

// restError is a response of the REST endpoint that is not a success.
type restError struct {
	Status  int
	Type    string // com.vmware.vapi.std.errors.…, without that prefix
	Message string
}

func (e *restError) Error() string {
	text := fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	if e.Type != "" {
		text += " [" + e.Type + "]"
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// read makes a call that changes nothing.
func (r *restSession) read(ctx context.Context, method, path string, in, out any) error {
	return r.call(context.WithValue(ctx, readOnly{}, true), method, path, in, out)
}

// call makes one call inside the session.
func (r *restSession) call(ctx context.Context, method, path string, in, out any) error {
	id, err := r.session(ctx, "")
	if err != nil {
		return err
	}
	refused, err := r.within(ctx, id, method, path, in, out)
	if refused == nil {
		return err
	}
	if r.trial.over() {
		return r.unaccepted(refused)
	}
	if id, err = r.session(ctx, id); err != nil {
		return err
	}
	refused, err = r.within(ctx, id, method, path, in, out)
	if refused != nil {
		return r.unaccepted(refused)
	}
	return err
}

// within makes a call with the id of a session. Whether vCenter refused the session is
// the first result.
func (r *restSession) within(ctx context.Context, id, method, path string, in, out any) (refused *restError, err error) {
	err = r.send(ctx, method, path, in, out, func(req *http.Request) { req.Header.Set("vmware-api-session-id", id) })
	if refused = unauthenticated(err); refused != nil {
		return refused, err
	}
	if responded := (*restError)(nil); err == nil || errors.As(err, &responded) && responded.Type != "" {
		r.trial.served()
	}
	return nil, err
}

// unauthenticated returns the response that says that a session or a login is not
// accepted; nil for any other.
func unauthenticated(err error) *restError {
	var status *restError
	if errors.As(err, &status) && status.Status == http.StatusUnauthorized {
		return status
	}
	return nil
}

// unaccepted is the error of calls in a session that was opened a moment ago: it has
// not ended, and a new one would fare no better.
func (r *restSession) unaccepted(response *restError) error {
	return &Error{
		Reason: fmt.Sprintf("the REST API of vCenter %s refuses a session that it has just opened for %q (%s)",
			r.config.Server, r.config.Username, response),
		Advice: refusalAdvice(response, "the account may not be allowed to call it, or a proxy or load balancer in between "+
			"sends calls to different servers; no other session is tried for a while"),
		cause: response,
	}
}

// refusedRESTLogin is the error of a login that the REST endpoint refuses after the
// SOAP endpoint has accepted it.
func refusedRESTLogin(c Config, response *restError) error {
	return &Error{
		Op: "log in to the REST API of vCenter " + c.Server,
		Reason: fmt.Sprintf("it refuses the user name and password of %q, which the SOAP API has accepted (%s)",
			c.Username, response),
		Advice: refusalAdvice(response, "the password may have been changed since, or the account may not use the REST API, "+
			"where the tags are; it is not retried in this run, so as not to lock the account"),
		kind:  kindLogin,
		cause: response,
	}
}

// refusalAdvice is the advice about a refusal that is vCenter's own. A response without
// the type of vCenter's errors comes from something before it.
func refusalAdvice(response *restError, own string) string {
	if response.Type == "" {
		return "the response is not vCenter's own: a proxy or load balancer in between asks for a login; exempt vCenter from it"
	}
	return own
}

// session returns the session's id, and logs in where there is none or where the
// current one has turned out to be gone.
func (r *restSession) session(ctx context.Context, gone string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return "", errClosed
	case r.refused != nil:
		return "", r.refused
	case r.id != "" && r.id != gone:
		return r.id, nil
	}
	var id string
	// A session whose answer was lost ends by itself.
	err := r.send(context.WithValue(ctx, readOnly{}, true), http.MethodPost, sessionPath, nil, &id, func(req *http.Request) {
		req.SetBasicAuth(r.config.Username, r.config.Password)
		req.Header.Set("vmware-use-header-authn", "true")
	})
	if response := unauthenticated(err); response != nil {
		r.refused = refusedRESTLogin(r.config, response)
		return "", r.refused
	}
	if err != nil {
		return "", err
	}
	r.id = id
	r.trial.open()
	return id, nil
}

func (r *restSession) send(ctx context.Context, method, path string, in, out any, auth func(*http.Request)) error {
	var body any
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		body = raw
	}
	path, query, _ := strings.Cut(path, "?")
	u := r.config.endpoint("/rest" + path)
	u.RawQuery = query
	req, err := retryablehttp.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.config.UserAgent != "" {
		req.Header.Set("User-Agent", r.config.UserAgent)
	}
	auth(req.Request)
	client := r.http
	if ctx.Value(slowCall{}) != nil {
		client = r.slow
	}
	res, err := client.Do(req)
	if err != nil {
		return explainTransport(r.config.Server, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return explainTransport(r.config.Server, err)
	}
	if res.StatusCode/100 != 2 {
		return newRESTError(res.StatusCode, raw)
	}
	if out == nil || len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, &struct {
		Value any `json:"value"`
	}{out}); err != nil {
		return fmt.Errorf("decode the response of vCenter %s: %w", r.config.Server, err)
	}
	return nil
}

func newRESTError(status int, raw []byte) *restError {
	e := &restError{Status: status}
	var body struct {
		Type  string `json:"type"`
		Value struct {
			Messages []struct {
				Text string `json:"default_message"`
			} `json:"messages"`
		} `json:"value"`
	}
	if json.Unmarshal(raw, &body) == nil {
		e.Type = strings.TrimPrefix(body.Type, "com.vmware.vapi.std.errors.")
		for _, m := range body.Value.Messages {
			e.Message = strings.TrimPrefix(e.Message+"; "+m.Text, "; ")
		}
	}
	return e
}

func (r *restSession) logout(ctx context.Context) error {
	r.mu.Lock()
	id := r.id
	r.id = ""
	r.closed = true
	r.mu.Unlock()
	if id == "" {
		return nil
	}
	err := r.send(ctx, http.MethodDelete, sessionPath, nil, nil, func(req *http.Request) {
		req.Header.Set("vmware-api-session-id", id)
	})
	if unauthenticated(err) == nil {
		return err
	}
	return nil // it has ended by itself
}
