package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// Error is a call of the Kubernetes API that failed. A missing privilege has
// model.ErrPermission in its chain, a call to which no answer came
// model.ErrNoAnswer, a connection that was not made model.ErrNotReached, and
// one to which no way leads from here model.ErrNoWay.
type Error struct {
	Action string // such as `read the node "prod-1-cp-1"`
	Err    error

	transient bool
}

// maxMessage bounds what an API server can say in an error.
const maxMessage = 2000

// Error returns the action and its error, which may be in the words of the server
// and its administrators.
func (e *Error) Error() string {
	return printable.Text(fmt.Sprintf("unable to %s: %v", e.Action, e.Err), maxMessage)
}

// Transient reports whether a retry of the same call may succeed. It is false
// when the call's context ended: its caller has given up.
func (e *Error) Transient() bool { return e.transient }

// Unwrap returns the cause, and which of the engine's errors it is.
func (e *Error) Unwrap() []error {
	chain := []error{e.Err}
	var dial *net.OpError
	switch {
	case apierrors.IsForbidden(e.Err) || apierrors.IsUnauthorized(e.Err):
		chain = append(chain, model.ErrPermission)
	case errors.As(e.Err, &dial) && dial.Op == "dial":
		chain = append(chain, model.ErrNotReached)
	}
	if noAnswer(e.Err) {
		chain = append(chain, model.ErrNoAnswer)
	}
	if noWay(e.Err) {
		chain = append(chain, model.ErrNoWay)
	}
	return chain
}

// noAnswer reports whether a call has failed on its way.
func noAnswer(err error) bool {
	var (
		status  apierrors.APIStatus
		network net.Error
		call    *url.Error
	)
	return !errors.As(err, &status) && (errors.As(err, &network) || errors.As(err, &call))
}

// failed wraps the error of a call; nil stays nil.
func failed(ctx context.Context, err error, action string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{
		Action:    fmt.Sprintf(action, args...),
		Err:       err,
		transient: ctx.Err() == nil && transient(err),
	}
}

// notServed reports whether the path of a call is not served: the API answers so in another way
// than about an object that is not there.
func notServed(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.IsUnexpectedServerError(err)
}

// transient reports whether a retry may succeed: after a busy or failing server,
// a lost race, a broken connection, but not after a certificate that does not match
// or a redirection.
func transient(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError || apierrors.IsConflict(err)
	}
	var (
		unknown *tls.CertificateVerificationError
		host    x509.HostnameError
	)
	if errors.As(err, &unknown) || errors.As(err, &host) || errors.Is(err, errRedirect) {
		return false
	}
	var (
		network net.Error
		call    *url.Error
	)
	return errors.As(err, &network) || errors.As(err, &call)
}
