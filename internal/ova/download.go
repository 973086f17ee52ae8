package ova

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/net/http/httpproxy"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// download is a body that resumes where its connection breaks off.
type download struct {
	ctx    context.Context
	client *retryablehttp.Client
	url    string
	stall  time.Duration
	tries  int
	pause  time.Duration

	size  int64 // less than 0: not known
	at    int64 // how much of it was read
	tag   string
	since string // Last-Modified

	body   io.ReadCloser
	cancel context.CancelFunc // of the body
	failed int                // attempts in a row that brought nothing
}

// errChanged is a file that is another one than when its download began.
var errChanged = errors.New("the file changed on the server while it was downloaded; apply again")

func (s Source) download(ctx context.Context, image model.OVA, proxy *model.Proxy) (*download, error) {
	transport, err := newTransport(image.CACertificate, proxy)
	if err != nil {
		return nil, err
	}
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: transport}
	client.Logger = nil // it would log the URL, which may hold a password
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	client.RetryMax = cmp.Or(s.Retries, DefaultRetries)
	client.RetryWaitMin = cmp.Or(s.Pause, time.Second)
	client.RetryWaitMax = 30 * client.RetryWaitMin
	d := &download{
		ctx: ctx, client: client, url: image.URL, size: -1,
		stall: cmp.Or(s.Stall, time.Minute), tries: client.RetryMax, pause: client.RetryWaitMin,
	}
	return d, d.begin()
}

// newTransport trusts the certificates of the system, of the image and of the proxy. The
// proxy is that of the environment, and the cluster's where the environment has none.
func newTransport(certificates string, proxy *model.Proxy) (*http.Transport, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if proxy != nil {
		certificates += "\n" + proxy.CACertificate
	}
	if strings.TrimSpace(certificates) != "" && !roots.AppendCertsFromPEM([]byte(certificates)) {
		return nil, errors.New("ca_certificate holds no PEM certificate")
	}
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 proxyOf(proxy),
		DialContext:           dialer.DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		DisableCompression:    true, // what is hashed is the file as it is
		ForceAttemptHTTP2:     true,
	}, nil
}

func proxyOf(proxy *model.Proxy) func(*http.Request) (*url.URL, error) {
	own := httpproxy.FromEnvironment()
	if own.HTTPProxy == "" && own.HTTPSProxy == "" && proxy != nil {
		own = &httpproxy.Config{HTTPProxy: proxy.HTTP, HTTPSProxy: proxy.HTTPS, NoProxy: proxy.NoProxy}
	}
	choose := own.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}

// begin asks for the rest of the file from where the last answer broke off.
func (d *download) begin() error {
	ctx, cancel := context.WithCancel(d.ctx)
	res, err := d.request(ctx)
	if err != nil {
		cancel()
		return err
	}
	d.body = res.Body
	d.cancel = cancel
	if err := d.accept(res); err != nil {
		cancel()
		_ = res.Body.Close()
		return err
	}
	return nil
}

func (d *download) request(ctx context.Context) (*http.Response, error) {
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return nil, errors.New("ova_url is not a URL")
	}
	if d.at > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.at))
		if validator := cmp.Or(d.tag, d.since); validator != "" {
			req.Header.Set("If-Range", validator)
		}
	}
	res, err := d.client.Do(req)
	if err == nil {
		return res, nil
	}
	if res != nil { // the answer to the last try
		_ = res.Body.Close()
	}
	if d.ctx.Err() != nil {
		return nil, context.Cause(d.ctx)
	}
	//nolint:errorlint // the end of a connection is not the end of the file
	return nil, fmt.Errorf("%s cannot be downloaded: %v", Shown(d.url), withoutURL(err))
}

// withoutURL is the cause of an error of net/http, which begins with the URL.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// accept checks that an answer continues what was read.
func (d *download) accept(res *http.Response) error {
	tag, since := strongTag(res), res.Header.Get("Last-Modified")
	changed := d.at > 0 && (d.tag != tag && d.tag != "" || d.tag == "" && d.since != since && d.since != "")
	switch {
	case res.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return errChanged // it is shorter than it was
	case res.StatusCode == http.StatusPartialContent && d.at > 0:
		from, size, ok := contentRange(res)
		if changed || !ok || from != d.at || size >= 0 && d.size >= 0 && size != d.size {
			return errChanged
		}
		return nil
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("%s cannot be downloaded: the server answers %s", Shown(d.url), res.Status)
	case changed || d.at > 0 && d.size >= 0 && res.ContentLength >= 0 && res.ContentLength != d.size:
		return errChanged
	}
	d.tag = tag
	d.since = since
	d.size = res.ContentLength
	// The server does not resume: what was read before passes by.
	if _, err := io.CopyN(io.Discard, answer{d}, d.at); err != nil {
		return &brokenError{err}
	}
	return nil
}

// brokenError is an answer that broke off before it came to what was not read yet.
type brokenError struct{ cause error }

func (e *brokenError) Error() string { return e.cause.Error() }

// strongTag is the entity tag of an answer, unless it is a weak one, which is no validator
// of ranges.
func strongTag(res *http.Response) string {
	if tag := res.Header.Get("ETag"); !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return ""
}

// contentRange is where a partial answer begins, and the size of the whole; less than 0 where
// that is not known.
func contentRange(res *http.Response) (from, size int64, ok bool) {
	text, found := strings.CutPrefix(res.Header.Get("Content-Range"), "bytes ")
	part, whole, cut := strings.Cut(text, "/")
	first, _, dash := strings.Cut(part, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	if !found || !cut || !dash || err != nil {
		return 0, 0, false
	}
	if size, err = strconv.ParseInt(whole, 10, 64); err != nil {
		size = -1
	}
	return from, size, true
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.read(p)
		d.at += int64(n)
		if n > 0 {
			d.failed = 0
			return n, nil // an error comes again
		}
		whole := errors.Is(err, io.EOF) && (d.size < 0 || d.at >= d.size)
		switch {
		case err == nil:
			continue
		case whole:
			return 0, io.EOF
		case d.ctx.Err() != nil:
			return 0, context.Cause(d.ctx)
		}
		if err := d.resume(err); err != nil {
			return 0, err
		}
	}
}

// read reads from the present answer, and ends it where nothing comes for too long.
func (d *download) read(p []byte) (int, error) {
	watch := time.AfterFunc(d.stall, d.cancel)
	defer watch.Stop()
	return d.body.Read(p)
}

// answer is the present answer, with what stalls of it ended.
type answer struct{ of *download }

// Read implements io.Reader.
func (a answer) Read(p []byte) (int, error) { return a.of.read(p) }

// resume asks for the rest after an answer broke off for a reason.
func (d *download) resume(reason error) error {
	d.cancel()
	_ = d.body.Close()
	if errors.Is(reason, io.EOF) {
		reason = io.ErrUnexpectedEOF
	}
	for {
		if d.failed++; d.failed > d.tries {
			//nolint:errorlint // the end of an answer is not the end of the file
			return fmt.Errorf("%s cannot be downloaded: after %d of %d bytes the connection breaks off again and again: %v",
				Shown(d.url), d.at, d.size, reason)
		}
		select {
		case <-time.After(d.pause << min(d.failed-1, 4)):
		case <-d.ctx.Done():
			return context.Cause(d.ctx)
		}
		err := d.begin()
		var broken *brokenError
		if !errors.As(err, &broken) {
			return err
		}
		reason = broken
	}
}

// Close implements io.Closer.
func (d *download) Close() error {
	d.cancel()
	err := d.body.Close()
	d.client.HTTPClient.CloseIdleConnections()
	return err
}
