package registry

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// tree is what a layer adds, by path. All of it is root's, and as old as time, so that
// the same files make the same digest.
type tree map[string]entry

// entry is one of a directory, a link, a file in memory or a file of the host.
type entry struct {
	mode   fs.FileMode // permissions, fs.ModeDir and fs.ModeSticky
	link   string
	data   []byte
	source string
}

// merged are the directories that are links into /usr, as they are in the distributions
// whose libraries are put into images.
var merged = []string{"bin", "sbin", "lib", "lib64"}

func (t tree) directory(name string, mode fs.FileMode) { t[name] = entry{mode: fs.ModeDir | mode} }
func (t tree) link(name, to string)                    { t[name] = entry{link: to, mode: 0o777} }
func (t tree) text(name, text string)                  { t[name] = entry{data: []byte(text), mode: 0o644} }

// host adds a file of the host. A path through /bin, /sbin, /lib or /lib64 becomes one
// through /usr: the former are links.
func (t tree) host(name, source string, mode fs.FileMode) {
	if first, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/"); slices.Contains(merged, first) {
		name = "/usr" + name
	}
	t[name] = entry{source: source, mode: mode}
}

// archive returns the tree as an uncompressed layer: compressing costs more than loopback
// and disk do.
func (t tree) archive() (*content, error) {
	t.addParents()
	archive := &content{}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if err := t[name].append(archive, strings.TrimPrefix(name, "/")); err != nil {
			return nil, fmt.Errorf("put %s into a layer: %w", name, err)
		}
	}
	// Two empty records end an archive.
	archive.append(make([]byte, 2*record))
	return archive, nil
}

func (t tree) addParents() {
	for _, name := range slices.Collect(maps.Keys(t)) {
		for parent := path.Dir(name); parent != "/"; parent = path.Dir(parent) {
			if _, there := t[parent]; !there {
				t.directory(parent, 0o755)
			}
		}
	}
}

const record = 512

func (e entry) append(to *content, name string) error {
	header := &tar.Header{
		Name:     name,
		Mode:     int64(e.mode.Perm()),
		ModTime:  time.Unix(0, 0),
		Typeflag: tar.TypeReg,
		Size:     int64(len(e.data)),
	}
	if e.mode&fs.ModeSticky != 0 {
		header.Mode |= 0o1000
	}
	var info fs.FileInfo
	switch {
	case e.mode.IsDir():
		header.Typeflag = tar.TypeDir
		header.Name = name + "/"
	case e.link != "":
		header.Typeflag = tar.TypeSymlink
		header.Linkname = e.link
	case e.source != "":
		var err error
		if info, err = os.Stat(e.source); err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a file", e.source)
		}
		header.Size = info.Size()
	}
	// A writer of its own for each header: the file that follows is never in memory.
	var encoded bytes.Buffer
	if err := tar.NewWriter(&encoded).WriteHeader(header); err != nil {
		return err
	}
	to.append(encoded.Bytes())
	if info != nil && info.Size() > 0 {
		to.appendFile(e.source, info)
	} else {
		to.append(e.data)
	}
	to.append(make([]byte, (record-header.Size%record)%record))
	return nil
}
