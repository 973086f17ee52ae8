package packs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// maxDownload bounds an index and an archive: the largest public index has less than half.
const maxDownload = 64 << 20

var errTooLarge = fmt.Errorf("it is larger than %d MiB", maxDownload>>20)

// limited is a transport whose answers end.
type limited struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxDownload}
	return resp, nil
}

type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// statusError is an answer without the content: its HTTP status.
type statusError int

func (s statusError) Error() string {
	switch s {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("the server refuses it (%d %s)", int(s), http.StatusText(int(s)))
	case http.StatusNotFound:
		return "the server has nothing there (404 Not Found)"
	}
	return fmt.Sprintf("the server answers %d %s", int(s), http.StatusText(int(s)))
}

// denied reports whether a server wants another login, or one at all.
func denied(err error) bool {
	status := statusOf(err)
	return status == http.StatusUnauthorized || status == http.StatusForbidden || errors.Is(err, auth.ErrBasicCredentialNotFound)
}

// statusOf is the HTTP status that an error is of; 0: of none.
func statusOf(err error) int {
	if s, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		return s.StatusCode
	}
	s, _ := errors.AsType[statusError](err)
	return int(s)
}

// unreachable reports whether an error is about the way to a server, or its state: the same
// may work later.
func unreachable(err error) bool {
	if status := statusOf(err); status != 0 {
		return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
	}
	if _, foreign := errors.AsType[x509.UnknownAuthorityError](err); foreign || errors.Is(err, errPlainLogin) {
		return false // it will not work later, either
	}
	_, failed := errors.AsType[*url.Error](err)
	_, network := errors.AsType[*net.OpError](err)
	return failed || network || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func read(resp *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(resp.StatusCode)
	}
	content, err := io.ReadAll(resp.Body)
	if err == nil && len(content) == 0 {
		err = errors.New("it is empty")
	}
	return content, err
}
