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

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// Error is a call of the Kubernetes API that failed. A missing privilege has
// engine.ErrPermission in its chain.
type Error struct {
	Action string // what was tried: `read the node "prod-1-cp-1"`
	Err    error

	transient bool
}

// Error says what was tried and what came of it.
func (e *Error) Error() string { return fmt.Sprintf("unable to %s: %v", e.Action, e.Err) }

// Transient says whether the same call may work a moment later. A call whose
// context ended never is: its caller has given up.
func (e *Error) Transient() bool { return e.transient }

// Unwrap returns the cause, and engine.ErrPermission where that is what it is.
func (e *Error) Unwrap() []error {
	if apierrors.IsForbidden(e.Err) || apierrors.IsUnauthorized(e.Err) {
		return []error{e.Err, engine.ErrPermission}
	}
	return []error{e.Err}
}

// failed wraps the error of a call; nil stays nil.
func failed(ctx context.Context, err error, action string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{
		Action:    fmt.Sprintf(action, args...),
		Err:       err,
		transient: ctx.Err() == nil && passing(err),
	}
}

// passing tells errors that time may heal: a busy or failing server, a lost
// race, a broken connection. A certificate that does not match is none of them.
func passing(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError || apierrors.IsConflict(err)
	}
	var (
		unknown *tls.CertificateVerificationError
		host    x509.HostnameError
	)
	if errors.As(err, &unknown) || errors.As(err, &host) {
		return false
	}
	var (
		network net.Error
		call    *url.Error
	)
	return errors.As(err, &network) || errors.As(err, &call)
}
