package ova

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
)

// Bounds of what is kept in memory.
const (
	maxDescriptor = 16 << 20
	maxManifest   = 1 << 20
	maxFiles      = 1000
)

// Archive is an OVA that is being read. Its descriptor is the first file.
type Archive struct {
	name       string
	from       io.ReadCloser
	counted    *counter
	buffered   *bufio.Reader
	tar        *tar.Reader
	sum        hash.Hash
	want       string
	descriptor []byte

	manifest manifest
	sums     map[string]*sums // of the files that have passed by
	current  *file
}

// newArchive reads the descriptor. size is that of all; less than 0: not known.
func newArchive(from io.ReadCloser, size int64, digest string) (*Archive, error) {
	a := &Archive{from: from, sum: sha256.New(), want: strings.ToLower(digest), sums: map[string]*sums{}}
	a.counted = &counter{from: from, size: size}
	a.buffered = bufio.NewReaderSize(a.counted, 1<<16)
	if err := plainTar(a.buffered); err != nil {
		return nil, err
	}
	a.tar = tar.NewReader(io.TeeReader(a.buffered, a.sum))
	header, err := a.tar.Next()
	if err != nil {
		return nil, a.broken(err)
	}
	if !hasSuffix(header.Name, ".ovf") {
		return nil, fmt.Errorf("it is no OVA: its first file is %q, and not an OVF descriptor", header.Name)
	}
	if header.Size > maxDescriptor {
		return nil, fmt.Errorf("its descriptor has %d bytes, which is too much", header.Size)
	}
	f := a.open(header)
	if a.descriptor, err = io.ReadAll(f); err != nil {
		return nil, a.broken(err)
	}
	return a, nil
}

// plainTar refuses what is packed once more.
func plainTar(r *bufio.Reader) error {
	for kind, magic := range map[string][]byte{"gzip": {0x1f, 0x8b}, "xz": {0xfd, '7', 'z'}, "zstd": {0x28, 0xb5, 0x2f, 0xfd}} {
		if head, _ := r.Peek(len(magic)); bytes.Equal(head, magic) {
			return fmt.Errorf("it is packed with %s: unpack it, an OVA is a plain tar archive", kind)
		}
	}
	return nil
}

// Descriptor is the OVF descriptor.
func (a *Archive) Descriptor() []byte { return a.descriptor }

// Size is that of the whole archive; less than 0: not known. Read is how much of it was read.
func (a *Archive) Size() int64 { return a.counted.size }

// Read is how many bytes of the archive were read.
func (a *Archive) Read() int64 { return a.counted.n.Load() }

// Next is the next file but for manifest and certificate, with its size; what was not read of
// the one before is read. At the end of the archive it is io.EOF, once all digests were found
// to be right, and another error where one is wrong.
func (a *Archive) Next() (name string, size int64, content io.Reader, err error) {
	for {
		if err := a.finishFile(); err != nil {
			return "", 0, nil, err
		}
		header, err := a.tar.Next()
		switch {
		case errors.Is(err, io.EOF):
			return "", 0, nil, a.finish()
		case err != nil:
			return "", 0, nil, a.broken(err)
		case header.Typeflag != tar.TypeReg:
			continue
		case len(a.sums) > maxFiles:
			return "", 0, nil, a.wrong("it has more than %d files", maxFiles)
		}
		name := path.Base(header.Name)
		if a.sums[name] != nil {
			return "", 0, nil, a.wrong("it has two files %q", name)
		}
		f := a.open(header)
		switch {
		case hasSuffix(name, ".mf"):
			if err := a.readManifest(f, header.Size); err != nil {
				return "", 0, nil, err
			}
		case !hasSuffix(name, ".cert"):
			return name, header.Size, f, nil
		}
	}
}

func (a *Archive) readManifest(f io.Reader, size int64) error {
	if size > maxManifest {
		return a.wrong("its manifest has %d bytes, which is too much", size)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return a.broken(err)
	}
	a.manifest, err = parseManifest(text)
	if err != nil {
		return a.wrong("%w", err)
	}
	return nil
}

// open makes a file the current one.
func (a *Archive) open(header *tar.Header) *file {
	name := path.Base(header.Name)
	s := newSums(a.manifest[name])
	a.sums[name] = s
	a.current = &file{archive: a, to: s}
	return a.current
}

// finishFile reads what is left of the current file.
func (a *Archive) finishFile() error {
	if a.current == nil {
		return nil
	}
	f := a.current
	if _, err := io.Copy(io.Discard, f); err != nil {
		return a.broken(err)
	}
	a.current = nil
	return nil
}

// finish reads the archive to its end and compares the digests.
func (a *Archive) finish() error {
	// Behind the last file is padding, which counts.
	rest := io.TeeReader(a.buffered, a.sum)
	if _, err := io.Copy(io.Discard, rest); err != nil {
		return a.broken(err)
	}
	if size := a.counted.size; size >= 0 && a.Read() != size {
		return a.broken(io.ErrUnexpectedEOF)
	}
	if got := hex.EncodeToString(a.sum.Sum(nil)); got != a.want {
		return a.wrong("its SHA-256 digest is %s, and sha256 says %s: it is another file, or sha256 is wrong", got, a.want)
	}
	if err := a.manifest.check(a.sums); err != nil {
		return a.wrong("%w", err)
	}
	return io.EOF
}

// Close ends the reading.
func (a *Archive) Close() error { return a.from.Close() }

func (a *Archive) wrong(format string, args ...any) error {
	return &WrongError{fmt.Errorf("%s: "+format, append([]any{a.words()}, args...)...)}
}

func (a *Archive) words() string {
	if a.name == "" {
		return "the OVA"
	}
	return a.name
}

// broken explains why an archive cannot be read any further.
func (a *Archive) broken(err error) error {
	var known *WrongError
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return a.wrong("it ends after %d bytes, within a file: it is truncated", a.Read())
	case errors.Is(err, tar.ErrHeader):
		return a.wrong("it is no OVA: %w", err)
	}
	return err
}

// WrongError is an OVA that is not what it should be: reading it again changes nothing.
type WrongError struct{ cause error }

func (e *WrongError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *WrongError) Unwrap() error { return e.cause }

// file is one file of the archive.
type file struct {
	archive *Archive
	to      *sums
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	if f.archive.current != f {
		return 0, errors.New("another file of the archive is being read")
	}
	n, err := f.archive.tar.Read(p)
	f.to.write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		err = f.archive.broken(err)
	}
	return n, err
}

func hasSuffix(name, suffix string) bool { return strings.HasSuffix(strings.ToLower(name), suffix) }
