package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// content is a sequence of bytes that lies partly in memory, partly in files, which are
// read each time anew: programs have a hundred megabytes, and many guests pull at once.
type content struct {
	parts []part
	size  int64
}

// part is a stretch of content: data, or the whole of a file as it was when the content
// was put together.
type part struct {
	start, size int64
	data        []byte
	path        string
	modified    time.Time
}

// errChanged is a file that is not what its digest was computed of any more.
var errChanged = errors.New("changed since the image was made")

func (c *content) append(data []byte) {
	if last := len(c.parts) - 1; last >= 0 && c.parts[last].path == "" {
		c.parts[last].data = append(c.parts[last].data, data...)
		c.parts[last].size += int64(len(data))
	} else {
		c.parts = append(c.parts, part{start: c.size, size: int64(len(data)), data: bytes.Clone(data)})
	}
	c.size += int64(len(data))
}

func (c *content) appendFile(path string, info fs.FileInfo) {
	c.parts = append(c.parts, part{start: c.size, size: info.Size(), path: path, modified: info.ModTime()})
	c.size += info.Size()
}

// current fails when a file is not what it was.
func (c *content) current() error {
	for _, p := range c.parts {
		if p.path == "" {
			continue
		}
		info, err := os.Stat(p.path)
		if err != nil {
			return err
		}
		if info.Size() != p.size || !info.ModTime().Equal(p.modified) {
			return fmt.Errorf("%s: %w", p.path, errChanged)
		}
	}
	return nil
}

func (c *content) digest() (v1.Hash, error) {
	reader := &reader{content: c}
	defer reader.Close() //nolint:errcheck // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, reader); err != nil {
		return v1.Hash{}, err
	}
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}, nil
}

// reader reads content from any offset, with at most one file open.
type reader struct {
	content *content
	offset  int64
	file    *os.File
	open    int // the part that file belongs to
}

// Read implements io.Reader.
func (r *reader) Read(buffer []byte) (int, error) {
	parts := r.content.parts
	at := sort.Search(len(parts), func(i int) bool { return parts[i].start+parts[i].size > r.offset })
	if at == len(parts) {
		return 0, io.EOF
	}
	p := parts[at]
	within := r.offset - parts[at].start
	var count int
	if p.path == "" {
		count = copy(buffer, p.data[within:])
	} else {
		if err := r.use(at); err != nil {
			return 0, err
		}
		var err error
		count, err = r.file.ReadAt(buffer[:min(int64(len(buffer)), p.size-within)], within)
		if errors.Is(err, io.EOF) && count == 0 && len(buffer) > 0 {
			err = fmt.Errorf("%s: %w", p.path, errChanged)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return count, err
		}
	}
	r.offset += int64(count)
	return count, nil
}

func (r *reader) use(at int) error {
	if r.file != nil && r.open == at {
		return nil
	}
	if err := r.Close(); err != nil {
		return err
	}
	file, err := os.Open(r.content.parts[at].path)
	if err != nil {
		return err
	}
	r.file = file
	r.open = at
	return nil
}

// Seek implements io.Seeker.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.content.size
	}
	if offset < 0 {
		return r.offset, errors.New("seek before the start")
	}
	r.offset = offset
	return offset, nil
}

// Close lets go of the file that is open, if one is.
func (r *reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
