package vsphere

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
)

// unread are the parts of properties that nothing here reads and that vCenter cannot be asked
// to leave out: of the networks that a guest reports, of the network cards of a VM, and of the
// configuration of a compute cluster. They are most of what vCenter returns, and taking them
// out of the text costs a fraction of decoding them.
var unread = map[string]bool{
	// GuestNicInfo
	"dnsConfig":     true,
	"ipConfig":      true,
	"netBIOSConfig": true,
	"connected":     true,
	// VirtualEthernetCard
	"deviceInfo":              true,
	"connectable":             true,
	"slotInfo":                true,
	"controllerKey":           true,
	"unitNumber":              true,
	"addressType":             true,
	"wakeOnLanEnabled":        true,
	"resourceAllocation":      true,
	"uptCompatibilityEnabled": true,
	// DistributedVirtualSwitchPortConnection
	"switchUuid":       true,
	"portKey":          true,
	"connectionCookie": true,
	// ClusterConfigInfoEx, with one for each of many VMs or hosts
	"dasVmConfig":     true,
	"drsVmConfig":     true,
	"dpmHostConfig":   true,
	"vmOrchestration": true,
	"vsanHostConfig":  true,
}

// longestName is longer than any name in unread, with what follows it.
const longestName = 32

// leanReads marks the context of calls in whose responses unread is left out.
type leanReads struct{}

// withLeanReads leaves unread out of the responses of calls.
func withLeanReads(ctx context.Context) context.Context {
	return context.WithValue(ctx, leanReads{}, true)
}

// leanTransport does what withLeanReads asks for.
type leanTransport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t leanTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(req)
	if err == nil && req.Context().Value(leanReads{}) != nil {
		body := newLeanBody(res.Body)
		if body.objects = plainObjectsOf(req.Context()); body.objects != nil {
			body.objects.found = nil // an earlier response to the same call was lost
		}
		res.Body = body
	}
	return res, err
}

// leanBody is XML without the elements that unread names. A "<" stands in XML for
// nothing but a tag, so that the text alone tells where one begins; none of these
// elements is inside another of its name.
type leanBody struct {
	io.Closer
	from *bufio.Reader
	text []byte // what was read and has not been returned; valid until the next read
	tag  bool   // the "<" at the end of text has not been judged yet
	err  error

	objects *plainObjects // takes objects out of the text; nil: none
	object  []byte        // the text of one
}

func newLeanBody(body io.ReadCloser) *leanBody {
	return &leanBody{Closer: body, from: bufio.NewReaderSize(body, 64<<10)}
}

// Read implements io.Reader. It returns what there is without waiting for more.
func (b *leanBody) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(b.text) == 0 {
			if b.err != nil || n > 0 && b.from.Buffered() < longestName {
				break
			}
			b.fill()
		}
		taken := copy(p[n:], b.text)
		b.text = b.text[taken:]
		n += taken
	}
	if n == 0 && len(p) > 0 {
		return 0, b.err
	}
	return n, nil
}

// fill reads up to the next "<", or what it begins.
func (b *leanBody) fill() {
	if b.tag {
		b.tag = false
		switch name := b.name(); {
		case unread[string(name)]:
			b.err = b.skip(string(name))
		case b.objects != nil && string(name) == "objects":
			b.fillObject()
		default:
			b.text = []byte("<")
		}
		return
	}
	b.text, b.err = b.from.ReadSlice('<')
	if errors.Is(b.err, bufio.ErrBufferFull) {
		b.err = nil
		return
	}
	if b.err == nil {
		b.tag = true
		b.text = b.text[:len(b.text)-1]
	}
}

// fillObject reads an object whose "<" was read, and returns its text unless it is taken.
func (b *leanBody) fillObject() {
	b.object = append(b.object[:0], '<')
	for b.err == nil && !bytes.HasSuffix(b.object, []byte("</objects>")) {
		var part []byte
		part, b.err = b.from.ReadSlice('>')
		if errors.Is(b.err, bufio.ErrBufferFull) {
			b.err = nil
		}
		b.object = append(b.object, part...)
	}
	if !b.objects.take(b.object) {
		b.text = b.object
	}
}

// name is the name of the tag that begins here, or its beginning.
func (b *leanBody) name() []byte {
	ahead, _ := b.from.Peek(longestName) // fewer at the end
	if end := bytes.IndexAny(ahead, "> \t\r\n"); end >= 0 {
		ahead = ahead[:end]
	}
	return bytes.TrimSuffix(ahead, []byte("/"))
}

// skip reads to behind the end of an element whose "<" was read.
func (b *leanBody) skip(name string) error {
	empty, err := b.closeTag()
	for err == nil && !empty {
		if _, err = b.until('<'); err != nil {
			return err
		}
		if string(b.name()) == "/"+name {
			_, err = b.closeTag()
			return err
		}
	}
	return err
}

// closeTag reads to behind the end of a tag, and reports whether it is an empty element.
func (b *leanBody) closeTag() (empty bool, err error) {
	last, err := b.until('>')
	return bytes.HasSuffix(last, []byte("/>")), err
}

// until reads to behind a byte, and returns the last of what it read. An end before it
// is an error.
func (b *leanBody) until(delim byte) ([]byte, error) {
	for {
		last, err := b.from.ReadSlice(delim)
		switch {
		case err == nil:
			return last, nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
