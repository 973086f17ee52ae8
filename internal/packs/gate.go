package packs

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// during is a transport whose requests end with a context, whichever they were made with:
// Helm makes them with one of its own, and goes on in the background when its caller has
// left.
type during struct {
	http.RoundTripper
	ctx context.Context //nolint:containedctx // it is the life of the transport
}

// RoundTrip implements http.RoundTripper.
func (d during) RoundTrip(r *http.Request) (*http.Response, error) {
	if d.ctx.Err() != nil {
		closeBody(r)
		return nil, context.Cause(d.ctx)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(d.ctx, func() { cancel(context.Cause(d.ctx)) })
	end := func() {
		stop()
		cancel(nil)
	}
	resp, err := d.RoundTripper.RoundTrip(r.WithContext(ctx))
	if err != nil {
		end()
		if d.ctx.Err() != nil {
			err = context.Cause(d.ctx) // what waited in between says that it was canceled
		}
		return nil, err
	}
	resp.Body = &endingBody{ReadCloser: resp.Body, end: end}
	return resp, nil
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

type endingBody struct {
	io.ReadCloser
	end func()
}

func (b *endingBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// gate is a transport that asks, right before each request that changes anything, whether
// it still may.
type gate struct {
	http.RoundTripper
	check func(context.Context) error

	mu     sync.Mutex
	denied error
}

// RoundTrip implements http.RoundTripper.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := g.check(r.Context()); err != nil {
			closeBody(r)
			g.mu.Lock()
			defer g.mu.Unlock()
			g.denied = err
			return nil, err
		}
	}
	return g.RoundTripper.RoundTrip(r)
}

// refusal is why a request was not made; nil: none was refused.
func (g *gate) refusal() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.denied
}
