package vsphere

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// ErrLogin is in the chain of an error that a refused login caused.
var ErrLogin = errors.New("login refused")

// Error is a call or a task that vCenter refused or failed.
type Error struct {
	Op     string // the operation and its object: `clone "/dc-1/vm/prod-1-cp-1"`
	Reason string
	Advice string // what can be done about it; may be empty

	kind  kind
	cause error
	// unanswered says that vCenter did not answer.
	unanswered bool
}

type kind int

const (
	kindPermanent kind = iota
	kindTransient
	kindPermission
	kindExists
	kindGone
	kindLogin
	kindNoRoom
)

func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Reason)
	if e.Advice != "" {
		b.WriteString(" (" + e.Advice + ")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.cause }

// Transient reports whether the same call may work a moment later.
func (e *Error) Transient() bool { return e.kind == kindTransient }

// Unanswered reports whether vCenter did not answer.
func (e *Error) Unanswered() bool { return e.unanswered }

// Is matches the kinds to the sentinels that the engine checks for.
func (e *Error) Is(target error) bool {
	switch target {
	case model.ErrPermission:
		return e.kind == kindPermission
	case model.ErrExists:
		return e.kind == kindExists
	case model.ErrGone:
		return e.kind == kindGone
	case model.ErrNoRoom:
		return e.kind == kindNoRoom
	case ErrLogin:
		return e.kind == kindLogin
	}
	return false
}

// failed turns any error of a call into an Error about op. An error that is one
// already keeps its kind and gains the op, when it has none.
func (c *Client) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		if known.Op != "" {
			return err
		}
		named := *known
		named.Op = op
		return &named
	}
	e := c.explain(err)
	e.Op = op
	return e
}

// explain classifies an error that came out of a SOAP call.
func (c *Client) explain(err error) *Error {
	if f, message := methodFault(err); f != nil {
		e := c.explainFault(f, message)
		e.cause = err
		return e
	}
	var status *restError
	if errors.As(err, &status) {
		return c.explainStatus(status)
	}
	return explainTransport(c.config.Server, err)
}

// explainStatus classifies a response of the REST endpoint.
func (c *Client) explainStatus(status *restError) *Error {
	e := &Error{Reason: "vCenter " + c.config.Server + " responded with " + status.Error(), cause: status}
	switch {
	case status.Status == http.StatusForbidden || status.Type == "unauthorized":
		e.kind = kindPermission
		e.Reason = fmt.Sprintf("the account %q lacks a privilege (%s)", c.config.Username, status)
	case status.Type == "already_exists":
		e.kind = kindExists
	case status.Status == http.StatusNotFound && status.Type != "":
		e.kind = kindGone
	case status.Status == http.StatusNotFound:
		// Not the service's own response: it has not started behind its proxy yet.
		e.kind = kindTransient
	case status.Status >= 500, startingUp(status.Status),
		status.Type == "concurrent_change", status.Type == "resource_busy", status.Type == "timed_out":
		e.kind = kindTransient
	}
	return e
}

// explainTransport classifies an error below SOAP and REST. Whether a call whose
// connection broke was carried out is unknown; the caller has to find out before
// it makes the call again.
func explainTransport(server string, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	e := &Error{cause: err}
	if cert := certificateError(server, err); cert != nil {
		e.cause = cert
		e.Reason = cert.Error()
		return e
	}
	if stopped(err) {
		e.Reason = "stopped while waiting for vCenter " + server
		return e
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		e.Reason = fmt.Sprintf("the name %q of vCenter is not found in DNS", dns.Name)
		return e
	}
	if !broken(err) {
		e.Reason = err.Error()
		return e
	}
	e.kind = kindTransient
	e.unanswered = true
	e.Reason = fmt.Sprintf("vCenter %s does not answer: %v", server, withoutURL(err))
	return e
}

// stopped reports whether the caller's context ended. Timeouts of the network
// claim to be context.DeadlineExceeded, too, so the value itself is compared.
func stopped(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if err == context.Canceled || err == context.DeadlineExceeded { //nolint:errorlint // see above
			return true
		}
	}
	return false
}

// broken reports whether an error means that the connection to vCenter failed, or
// that vCenter is starting.
func broken(err error) bool {
	var (
		netErr net.Error
		op     *net.OpError
		status interface{ Temporary() bool }
	)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed), errors.As(err, &op):
		return true
	case errors.As(err, &netErr) && netErr.Timeout():
		return true
	case errors.As(err, &status) && status.Temporary():
		return true
	}
	// govmomi has the status of a response that is not SOAP in the text alone.
	text := err.Error()
	for _, code := range startingUpStatuses {
		if strings.Contains(text, fmt.Sprintf("%d %s", code, http.StatusText(code))) {
			return true
		}
	}
	return strings.Contains(text, "server closed idle connection") || strings.Contains(text, "malformed HTTP")
}

// withoutURL removes the `Post "https://…": ` from an error of net/http.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
