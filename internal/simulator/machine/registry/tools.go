package registry

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The names by which iptables is called, after iptables or ip6tables.
var tablesVerbs = []string{"", "-save", "-restore"}

// findTool searches the program directories of a distribution, whatever PATH the simulator was
// started with.
func findTool(name string) (string, error) {
	for _, directory := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if found, err := exec.LookPath(filepath.Join(directory, name)); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("the host has no %s, which images are made from", name)
}

// addTool adds a program of the host with the libraries it loads.
func (t tree) addTool(name string) error {
	found, err := findTool(name)
	if err != nil {
		return err
	}
	program, err := filepath.EvalSymlinks(found)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	t.host("/usr/sbin/"+name, program, 0o755)
	return t.addLibraries(program)
}

// addTables adds iptables and ip6tables, with the extensions that they load by name, and
// conntrack.
func (t tree) addTables() error {
	iptables, err := findTool("iptables")
	if err != nil {
		return err
	}
	// The name of the links' final target is the mode: nft or legacy.
	program, err := filepath.EvalSymlinks(iptables)
	if err != nil {
		return fmt.Errorf("find iptables: %w", err)
	}
	t.host("/usr/sbin/"+filepath.Base(program), program, 0o755)
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, verb := range tablesVerbs {
			t.link("/usr/sbin/"+family+verb, filepath.Base(program))
		}
	}
	var extensions []string
	for _, pattern := range []string{"/usr/lib/xtables/*.so", "/usr/lib64/xtables/*.so", "/usr/lib/*/xtables/*.so"} {
		some, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("find the extensions of iptables: %w", err)
		}
		extensions = append(extensions, some...)
	}
	if len(extensions) == 0 {
		return errors.New("the host has no extensions of iptables, which images are made from")
	}
	for _, extension := range extensions {
		source, err := filepath.EvalSymlinks(extension)
		if err != nil {
			return fmt.Errorf("find the extensions of iptables: %w", err)
		}
		t.host(extension, source, 0o644)
	}
	if err := t.addLibraries(append(extensions, program)...); err != nil {
		return err
	}
	return t.addTool("conntrack")
}

// addShell adds busybox under all the names it knows.
func (t tree) addShell() error {
	if err := t.addTool("busybox"); err != nil {
		return err
	}
	busybox, err := findTool("busybox")
	if err != nil {
		return err
	}
	names, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("ask busybox for its names: %w", err)
	}
	for name := range strings.FieldsSeq(string(names)) {
		if name != "busybox" {
			t.link("/usr/bin/"+name, "/usr/sbin/busybox")
		}
	}
	return nil
}

// addLibraries adds what the dynamic loader would load for programs or libraries, and
// the loader.
func (t tree) addLibraries(files ...string) error {
	files = slices.DeleteFunc(slices.Clone(files), static)
	if len(files) == 0 {
		return nil
	}
	listing, err := exec.Command("ldd", files...).Output()
	if err != nil {
		return fmt.Errorf("find the libraries of %s: %w", files[0], err)
	}
	libraries, err := parseLibraries(string(listing))
	if err != nil {
		return err
	}
	for _, library := range libraries {
		source, err := filepath.EvalSymlinks(library)
		if err != nil {
			return fmt.Errorf("find a library: %w", err)
		}
		t.host(library, source, 0o755)
	}
	return nil
}

// parseLibraries reads the paths in what ldd prints, for one file or many:
// "name => /path (address)" or, for the loader, "/path (address)". The kernel's own has
// no path.
func parseLibraries(listing string) ([]string, error) {
	var libraries []string
	for line := range strings.Lines(listing) {
		line = strings.TrimSpace(line)
		if strings.HasSuffix(line, "=> not found") {
			return nil, fmt.Errorf("a library is missing: %s", line)
		}
		words := strings.Fields(line)
		if len(words) < 2 || !strings.HasPrefix(words[len(words)-1], "(") {
			continue
		}
		if library := words[len(words)-2]; strings.HasPrefix(library, "/") && !slices.Contains(libraries, library) {
			libraries = append(libraries, library)
		}
	}
	return libraries, nil
}

// static says that nothing has to be loaded for a program to run.
func static(path string) bool {
	file, err := elf.Open(path)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	defer file.Close() //nolint:errcheck // only read
	libraries, err := file.ImportedLibraries()
	return err == nil && len(libraries) == 0
}
