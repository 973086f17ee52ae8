package ova

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // manifests of older OVAs have it; what proves the archive is its SHA-256 digest
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
)

// digest is one line of a manifest.
type digest struct{ algorithm, hex string }

// manifest has the digests of files, by name.
type manifest map[string]digest

// algorithms are those of manifests, spelled as in a line of one without its dash.
var algorithms = map[string]func() hash.Hash{
	"SHA1":   sha1.New,
	"SHA256": sha256.New,
	"SHA512": sha512.New,
}

// manifestLine is, as an example, SHA256(disk.vmdk)= 0123…; names may hold parentheses.
var manifestLine = regexp.MustCompile(`^\s*([A-Za-z0-9-]+)\s*\((.*)\)\s*=\s*([0-9A-Fa-f]+)\s*$`)

func parseManifest(text []byte) (manifest, error) {
	m := manifest{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		parts := manifestLine.FindStringSubmatch(line)
		if parts == nil {
			return nil, fmt.Errorf("its manifest has a line that is none: %q", shortened(line))
		}
		algorithm := strings.ReplaceAll(strings.ToUpper(parts[1]), "-", "")
		if algorithms[algorithm] == nil {
			return nil, fmt.Errorf("its manifest has digests of %q; SHA-1, SHA-256 and SHA-512 are supported", parts[1])
		}
		m[parts[2]] = digest{algorithm, strings.ToLower(parts[3])}
	}
	return m, lines.Err()
}

func shortened(line string) string {
	if len(line) > 80 {
		return line[:80] + "…"
	}
	return line
}

// check compares the files of an archive with its manifest.
func (m manifest) check(files map[string]*sums) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		want := m[name]
		have := files[name]
		if have == nil {
			return fmt.Errorf("its manifest names the file %q, which it does not have", name)
		}
		if got := have.hex(want.algorithm); got != want.hex {
			return fmt.Errorf("the file %q has the %s digest %s, and its manifest says %s: the OVA is damaged", name, want.algorithm, got, want.hex)
		}
	}
	return nil
}

// sums are the digests of one file. Where the manifest has passed by already, there is the
// one that it has.
type sums struct{ by map[string]hash.Hash }

func newSums(want digest) *sums {
	s := &sums{by: map[string]hash.Hash{}}
	for name, newHash := range algorithms {
		if want.algorithm == "" || want.algorithm == name {
			s.by[name] = newHash()
		}
	}
	return s
}

func (s *sums) write(p []byte) {
	for _, h := range s.by {
		_, _ = h.Write(p) // it never fails
	}
}

func (s *sums) hex(algorithm string) string {
	h := s.by[algorithm]
	if h == nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// counter counts what was read of a whole of a size.
type counter struct {
	from io.Reader
	size int64
	n    atomic.Int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n.Add(int64(n))
	return n, err
}
