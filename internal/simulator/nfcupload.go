package simulator

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

const nfcPrefix = "/nfc/"

// streamVMDK is the type of disks that a host takes.
const streamVMDK = "application/x-vnd.vmware-streamVmdk"

// sparseMagic begins a disk that is packed for a stream.
var sparseMagic = []byte("KDMV")

// serveNFC takes the disks of imports as a host does: as long as the lease lives, of the size
// that is announced, in the format that is announced, and while the datastore has room.
func (s *Simulator) serveNFC(w http.ResponseWriter, r *http.Request) {
	id, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, nfcPrefix), "/")
	lease, _ := s.nfc.get(id)
	if lease == nil || lease.files[name] == nil {
		http.NotFound(w, r)
		return
	}
	file := lease.files[name]
	refuse := func(status int, reason string) { http.Error(w, reason, status) }
	switch {
	case r.Method != http.MethodPost && r.Method != http.MethodPut:
		refuse(http.StatusMethodNotAllowed, "only uploads")
		return
	case r.ContentLength < 0:
		refuse(http.StatusLengthRequired, "no length")
		return
	case file.disk && r.Method == http.MethodPost && r.Header.Get("Content-Type") != streamVMDK:
		refuse(http.StatusUnsupportedMediaType, "not a stream of a disk")
		return
	}
	head := make([]byte, len(sparseMagic))
	n, _ := io.ReadFull(r.Body, head)
	if file.disk && !bytes.Equal(head[:n], sparseMagic) {
		refuse(http.StatusInternalServerError, "the disk is not stream-optimized")
		return
	}
	s.nfc.mu.Lock()
	begun := s.nfc.atUpload
	s.nfc.mu.Unlock()
	if begun != nil {
		begun()
	}
	rest, err := s.drainUpload(lease, r.Body)
	size := int64(n) + rest
	s.nfc.mu.Lock()
	file.size = size
	file.whole = err == nil && size == r.ContentLength
	s.nfc.mu.Unlock()
	if err != nil {
		refuse(http.StatusInternalServerError, err.Error())
		return
	}
	w.WriteHeader(http.StatusOK)
}

// drainUpload reads an upload to its end, or until the datastore is full or the lease ends.
func (s *Simulator) drainUpload(lease *nfcLease, body io.Reader) (int64, error) {
	var size int64
	buffer := make([]byte, 1<<16)
	for {
		n, err := body.Read(buffer)
		size += int64(n)
		select {
		case <-lease.over:
			return size, errUploadEnded
		default:
		}
		s.inventory.RLock()
		full := lease.datastore != nil && lease.datastore.Summary.FreeSpace <= 0
		s.inventory.RUnlock()
		switch {
		case full:
			return size, errUploadFull
		case err == io.EOF:
			return size, nil
		case err != nil:
			return size, err
		}
	}
}

// uploadError is why a host takes no more of a disk.
type uploadError string

func (e uploadError) Error() string { return string(e) }

const (
	errUploadEnded uploadError = "the lease has ended"
	errUploadFull  uploadError = "There is not enough space on the file system"
)
