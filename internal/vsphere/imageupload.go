package vsphere

import (
	"context"
	"crypto/sha1" //nolint:gosec // vCenter names the certificates of hosts by it
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

var _ model.ImageUpload = (*imageUpload)(nil)

// imageUpload is an import by a lease of vCenter's.
type imageUpload struct {
	c     *Client
	op    string
	lease types.ManagedObjectReference
	vm    types.ManagedObjectReference
	files map[string]uploadTo // those that are still to be uploaded

	stall   time.Duration // how long the host may take nothing
	percent atomic.Int32
	ctx     context.Context // ends when the lease does, or with the caller's
	lost    context.CancelCauseFunc
	alive   sync.WaitGroup
	stop    chan struct{}
}

// How often a lease is looked at until it is ready, and how long that may take: the host
// makes the files of the disks.
const (
	leasePause = 100 * time.Millisecond
	leaseReady = 10 * time.Minute
)

// hostStall is how long a host may take nothing of an upload.
const hostStall = 3 * time.Minute

// errHostStalls ends an upload of which the host takes nothing.
var errHostStalls = errors.New("the host takes nothing of the upload")

// awaitReady waits until the VM is there and its disks can be uploaded.
func (u *imageUpload) awaitReady(ctx context.Context) (*types.HttpNfcLeaseInfo, error) {
	bounded, cancel := context.WithTimeout(ctx, leaseReady)
	defer cancel()
	for pause := leasePause; ; pause = min(2*pause, 2*time.Second) {
		found, err := u.c.retrieve(bounded, objectsSpec([]types.ManagedObjectReference{u.lease},
			map[string][]string{"HttpNfcLease": {"state", "info", "error"}}))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 || found[0].vanished() {
			return nil, &Error{Reason: "vCenter has ended the import before it began", kind: kindTransient}
		}
		switch value[types.HttpNfcLeaseState](found[0], "state") {
		case types.HttpNfcLeaseStateReady:
			info := value[types.HttpNfcLeaseInfo](found[0], "info")
			return &info, nil
		case types.HttpNfcLeaseStateError, types.HttpNfcLeaseStateDone:
			fault := value[types.LocalizedMethodFault](found[0], "error")
			if fault.Fault == nil {
				return nil, &Error{Reason: "vCenter has ended the import, and does not say why: " + fault.LocalizedMessage}
			}
			return nil, u.c.explainFault(fault.Fault, fault.LocalizedMessage)
		}
		select {
		case <-bounded.Done():
			return nil, context.Cause(bounded)
		case <-time.After(pause):
		}
	}
}

// keepAlive reports progress, without which vCenter ends the lease, until the import ends.
func (u *imageUpload) keepAlive(ctx context.Context, timeout time.Duration) {
	u.ctx, u.lost = context.WithCancelCause(ctx)
	u.stop = make(chan struct{})
	pause := min(max(timeout/5, 100*time.Millisecond), 30*time.Second)
	u.alive.Go(func() {
		for {
			select {
			case <-u.stop:
				return
			case <-u.ctx.Done():
				return
			case <-time.After(pause):
			}
			_, err := methods.HttpNfcLeaseProgress(u.ctx, u.c.soap, &types.HttpNfcLeaseProgress{This: u.lease, Percent: u.percent.Load()})
			if fault, message := methodFault(err); fault != nil && u.ctx.Err() == nil {
				e := u.c.explainFault(fault, message)
				u.lost(&Error{Op: u.op, Reason: "vCenter has ended the upload: " + e.Reason, kind: kindTransient})
			}
		}
	})
}

// end ends the reports of progress.
func (u *imageUpload) end() {
	if u.stop != nil {
		close(u.stop)
		u.alive.Wait()
		u.stop = nil
	}
}

// Takes implements model.ImageUpload.
func (u *imageUpload) Takes(file string) bool {
	_, takes := u.files[file]
	return takes
}

// Progress implements model.ImageUpload.
func (u *imageUpload) Progress(percent int) { u.percent.Store(int32(min(max(percent, 0), 99))) }

// Upload implements model.ImageUpload. The host that has the datastore takes it.
func (u *imageUpload) Upload(file string, size int64, content io.Reader) error {
	to := u.files[file]
	if to.size > 0 && to.size != size {
		return &Error{Op: u.op, Reason: fmt.Sprintf("its OVF says that %q has %d bytes, and it has %d", file, to.size, size),
			Advice: "the OVA is damaged"}
	}
	transport, err := u.transport(to.url.Hostname(), to.thumbprint)
	if err != nil {
		return u.c.failed(u.op, err)
	}
	defer transport.CloseIdleConnections()
	counted := &countedReader{from: content}
	ctx, cancel := context.WithCancelCause(u.ctx)
	defer cancel(nil)
	watched := &watchedReader{from: counted, stall: u.stall, watch: time.AfterFunc(u.stall, func() { cancel(errHostStalls) })}
	defer watched.watch.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url.String(), io.NopCloser(watched))
	if err != nil {
		return fmt.Errorf("%s: vCenter says no URL to upload to: %w", u.op, err)
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/x-vnd.vmware-streamVmdk")
	if to.create { // what is no disk
		req.Method = http.MethodPut
		req.Header.Set("Overwrite", "t")
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return u.explain(ctx, to.url, err, counted)
	}
	said, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated {
		return u.refused(to.url, res.StatusCode, string(said))
	}
	delete(u.files, file)
	return nil
}

// watchedReader ends an upload whose host reads nothing from it for too long. While it waits for
// what it reads itself, that is not the host's fault.
type watchedReader struct {
	from  io.Reader
	stall time.Duration
	watch *time.Timer
}

// Read implements io.Reader.
func (r *watchedReader) Read(p []byte) (int, error) {
	r.watch.Stop()
	defer r.watch.Reset(r.stall)
	return r.from.Read(p)
}

// transport trusts the host by the thumbprint that vCenter has told, or else as vCenter is
// trusted.
func (u *imageUpload) transport(host, thumbprint string) (*http.Transport, error) {
	transport, err := newTransport(u.c.config)
	if err != nil || thumbprint == "" {
		return transport, err
	}
	want := strings.ToLower(strings.ReplaceAll(thumbprint, ":", ""))
	roots := transport.TLSClientConfig.RootCAs
	skip := transport.TLSClientConfig.InsecureSkipVerify
	transport.TLSClientConfig.InsecureSkipVerify = true // what follows verifies
	transport.TLSClientConfig.VerifyConnection = func(state tls.ConnectionState) error {
		leaf := state.PeerCertificates[0]
		if skip || thumbprintIs(leaf, want) {
			return nil
		}
		// The server name of a connection to an IP address is empty.
		options := x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(c)
		}
		if _, err := leaf.Verify(options); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return nil
	}
	return transport, nil
}

func thumbprintIs(leaf *x509.Certificate, want string) bool {
	short, long := sha1.Sum(leaf.Raw), sha256.Sum256(leaf.Raw) //nolint:gosec // see the import
	return hex.EncodeToString(short[:]) == want || hex.EncodeToString(long[:]) == want
}

// hostPort is what has to be reached for an upload.
func hostPort(to *url.URL) string {
	if to.Port() != "" {
		return to.Host
	}
	return net.JoinHostPort(to.Hostname(), "443")
}

// explain says why an upload failed whose connection broke off. What is read may have failed
// first.
func (u *imageUpload) explain(ctx context.Context, to *url.URL, err error, content *countedReader) error {
	var lost *Error
	if cause := context.Cause(u.ctx); errors.As(cause, &lost) {
		return lost
	} else if cause != nil {
		return cause
	}
	if errors.Is(context.Cause(ctx), errHostStalls) {
		err = fmt.Errorf("for %s the host has taken nothing more", u.stall)
	} else if content.failed {
		return withoutURL(err)
	}
	if cert := certificateError(hostPort(to), err); cert != nil {
		return &Error{Op: u.op, Reason: cert.Error(), cause: cert}
	}
	return &Error{
		Op:     u.op,
		Reason: fmt.Sprintf("the upload to %s failed after %d bytes: %v", hostPort(to), content.n, withoutURL(err)),
		Advice: fmt.Sprintf("%s, the address that vCenter has told for the disks, must be reachable from where Terraform runs", hostPort(to)),
		kind:   kindTransient,
		cause:  err,
	}
}

// refused says why a host did not take a file.
func (u *imageUpload) refused(to *url.URL, status int, said string) error {
	e := &Error{
		Op:     u.op,
		Reason: fmt.Sprintf("%s did not take the upload: %d %s %s", hostPort(to), status, http.StatusText(status), strings.TrimSpace(said)),
		Advice: "check that the datastore is mounted on a connected host and has room",
	}
	if startingUp(status) {
		e.kind = kindTransient
	}
	return e
}

// Complete implements model.ImageUpload.
func (u *imageUpload) Complete() (string, error) {
	for file := range u.files {
		return "", &Error{Op: u.op, Reason: fmt.Sprintf("the archive does not have %q, which its OVF names", file), Advice: "the OVA is damaged"}
	}
	u.end()
	defer u.c.site.changed()
	if err := u.complete(); err != nil {
		return "", u.c.failed(u.op, err)
	}
	u.lost(nil)
	return u.vm.String(), nil
}

// complete ends the lease. Where the answer to that is lost, the lease says whether it has
// ended well.
func (u *imageUpload) complete() error {
	_, err := methods.HttpNfcLeaseComplete(u.ctx, u.c.soap, &types.HttpNfcLeaseComplete{This: u.lease})
	if fault, _ := methodFault(err); err == nil || fault != nil {
		return err
	}
	found, rerr := u.c.retrieve(u.ctx, objectsSpec([]types.ManagedObjectReference{u.lease},
		map[string][]string{"HttpNfcLease": {"state"}}))
	if rerr != nil || len(found) == 0 {
		return err
	}
	switch value[types.HttpNfcLeaseState](found[0], "state") {
	case types.HttpNfcLeaseStateDone:
		return nil
	case types.HttpNfcLeaseStateReady: // the call itself was lost
		_, err = methods.HttpNfcLeaseComplete(u.ctx, u.c.soap, &types.HttpNfcLeaseComplete{This: u.lease})
	}
	return err
}

// Abort implements model.ImageUpload. It is for a run that is being cancelled, too.
func (u *imageUpload) Abort() error {
	u.end()
	u.lost(errors.New("the import was aborted"))
	return u.abort(context.WithoutCancel(u.ctx))
}

func (u *imageUpload) abort(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	defer u.c.site.changed()
	_, err := methods.HttpNfcLeaseAbort(ctx, u.c.soap, &types.HttpNfcLeaseAbort{This: u.lease})
	if isFault[*types.ManagedObjectNotFound](err) {
		return nil // vCenter has ended it
	}
	return u.c.failed("abort the "+strings.TrimPrefix(u.op, "import the ")+"'s import", err)
}
