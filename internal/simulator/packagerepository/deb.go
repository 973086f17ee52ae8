package packagerepository

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Package is one of Debian's kind.
type Package struct {
	Name, Version string
	// Depends is as in its control file.
	Depends string
	// Files are what it installs, by absolute path.
	Files map[string]File
}

// File is one of a package: a copy of another one, or a text.
type File struct {
	Source  string
	Content string
	Mode    int64
}

func (p Package) fileName() string {
	return fmt.Sprintf("%s_%s_%s.deb", p.Name, p.Version, architecture())
}

func (p Package) control() string {
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: Kubernetes <k@example.com>\n",
		p.Name, p.Version, architecture())
	if p.Depends != "" {
		control += "Depends: " + p.Depends + "\n"
	}
	return control + "Description: " + p.Name + "\n"
}

// write makes the package's file in a directory.
func (p Package) write(dir string) (err error) {
	data, err := os.CreateTemp(dir, "data-*")
	if err != nil {
		return err
	}
	defer func() {
		_ = data.Close()
		_ = os.Remove(data.Name())
	}()
	if err := writeTar(data, p.Files); err != nil {
		return fmt.Errorf("files of %s: %w", p.Name, err)
	}
	var control bytes.Buffer
	if err := writeTar(&control, map[string]File{"/control": {Content: p.control(), Mode: 0o644}}); err != nil {
		return err
	}
	size, err := data.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = data.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(dir, p.fileName()))
	if err != nil {
		return err
	}
	defer func() { err = firstOf(err, out.Close()) }()
	if _, err := io.WriteString(out, "!<arch>\n"); err != nil {
		return err
	}
	for _, member := range []struct {
		name    string
		size    int64
		content io.Reader
	}{
		{"debian-binary", 4, strings.NewReader("2.0\n")},
		{"control.tar", int64(control.Len()), &control},
		{"data.tar", size, data},
	} {
		if err := writeMember(out, member.name, member.size, member.content); err != nil {
			return err
		}
	}
	return nil
}

// writeMember appends a member to an archive of ar. Each begins at an even place.
func writeMember(w io.Writer, name string, size int64, content io.Reader) error {
	if _, err := fmt.Fprintf(w, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, 0, 0, 0, "100644", size); err != nil {
		return err
	}
	if _, err := io.Copy(w, content); err != nil {
		return err
	}
	if size%2 == 1 {
		_, err := io.WriteString(w, "\n")
		return err
	}
	return nil
}

// writeTar writes files and the directories that they are in.
func writeTar(w io.Writer, files map[string]File) error {
	archive := tar.NewWriter(w)
	made := map[string]bool{"/": true}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var above []string
		for dir := path.Dir(name); !made[dir]; dir = path.Dir(dir) {
			made[dir] = true
			above = append(above, dir)
		}
		for _, dir := range slices.Backward(above) {
			header := &tar.Header{Typeflag: tar.TypeDir, Name: "." + dir + "/", Mode: 0o755, ModTime: time.Unix(0, 0)}
			if err := archive.WriteHeader(header); err != nil {
				return err
			}
		}
		if err := writeFile(archive, name, files[name]); err != nil {
			return err
		}
	}
	return archive.Close()
}

func writeFile(archive *tar.Writer, name string, file File) error {
	var content io.Reader = strings.NewReader(file.Content)
	header := &tar.Header{Name: "." + name, Mode: file.Mode, Size: int64(len(file.Content)), ModTime: time.Unix(0, 0)}
	if file.Source != "" {
		source, err := os.Open(file.Source)
		if err != nil {
			return err
		}
		defer func() { _ = source.Close() }()
		info, err := source.Stat()
		if err != nil {
			return err
		}
		header.Size = info.Size()
		content = source
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
