package kube

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// defaultMaxResponse is several times what the largest list of a large cluster takes.
// The server is the cluster's administrators' and may answer without an end.
const defaultMaxResponse = 256 << 20

// bounded is a transport whose responses end.
type bounded struct {
	http.RoundTripper
	limit int64
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, limit: b.limit, left: b.limit}
	return response, nil
}

type boundedBody struct {
	io.ReadCloser
	limit, left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the API server's answer is larger than %d bytes", b.limit)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

var errRedirect = errors.New("the API server redirects to another address, which is not followed")

// noRedirect refuses to be sent elsewhere: an API server does not redirect, and
// whoever runs one must not choose where this machine connects to.
func noRedirect(*http.Request, []*http.Request) error {
	return errRedirect
}
