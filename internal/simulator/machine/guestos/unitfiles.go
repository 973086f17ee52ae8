package guestos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// unitDirectories are where unit files are, the most important first.
var unitDirectories = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"}

// wantsDirectory has a link for each service that starts at boot.
const wantsDirectory = "/etc/systemd/system/multi-user.target.wants"

// noUnitError says that there is no unit file of a name.
type noUnitError struct{ name string }

func (e *noUnitError) Error() string { return fmt.Sprintf("Unit %s not found.", e.name) }

// unitFile finds the unit file of a service below root.
func unitFile(root, name string) (string, error) {
	for _, dir := range unitDirectories {
		path := filepath.Join(dir, name)
		info, err := os.Stat(filepath.Join(root, path))
		if err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", &noUnitError{name}
}

// loadUnit reads a service's unit file and drop-ins below root. A drop-in hides
// those of the same name in less important directories.
func loadUnit(root, name string) (*unit, error) {
	main, err := unitFile(root, name)
	if err != nil {
		return nil, err
	}
	u := newUnit(name)
	files := []string{main}
	dropIns := map[string]string{}
	for _, dir := range slices.Backward(unitDirectories) {
		entries, err := os.ReadDir(filepath.Join(root, dir, name+".d"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, entry := range entries {
			if strings.HasSuffix(entry.Name(), ".conf") {
				dropIns[entry.Name()] = filepath.Join(dir, name+".d", entry.Name())
			}
		}
	}
	names := make([]string, 0, len(dropIns))
	for file := range dropIns {
		names = append(names, file)
	}
	slices.Sort(names)
	for _, file := range names {
		files = append(files, dropIns[file])
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return nil, err
		}
		if err := u.read(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if len(u.Start) == 0 && u.Type != "oneshot" && !isTimer(name) {
		return nil, fmt.Errorf("%s: no ExecStart", main)
	}
	return u, nil
}

// isTimer reports whether a unit starts another one at a time.
func isTimer(name string) bool { return strings.HasSuffix(name, ".timer") }

// environment returns that of the service's processes: the base, the unit's own,
// then that of its files, which may be missing if marked so.
func (u *unit) environment(root string, base []string) ([]string, error) {
	all := append(slices.Clone(base), u.Environment...)
	for _, file := range u.EnvironmentFiles {
		path, optional := strings.CutPrefix(file, "-")
		text, err := os.ReadFile(filepath.Join(root, path))
		if optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		more, err := readEnvironment(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, more...)
	}
	// Of two assignments the later one counts.
	seen := map[string]bool{}
	var unique []string
	for _, assignment := range slices.Backward(all) {
		name, _, _ := strings.Cut(assignment, "=")
		if !seen[name] {
			seen[name] = true
			unique = append(unique, assignment)
		}
	}
	slices.Reverse(unique)
	return unique, nil
}

// enable links a service into its WantedBy targets, and returns the new links.
func enable(root string, u *unit) ([]string, error) {
	file, err := unitFile(root, u.Name)
	if err != nil {
		return nil, err
	}
	var made []string
	for _, target := range u.WantedBy {
		link := filepath.Join("/etc/systemd/system", target+".wants", u.Name)
		full := filepath.Join(root, link)
		if _, err := os.Lstat(full); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return made, err
		}
		if err := os.Symlink(file, full); err != nil {
			return made, err
		}
		made = append(made, fmt.Sprintf("Created symlink %s → %s.", link, file))
	}
	return made, nil
}

// disable removes the links that enable makes, and returns what was removed.
func disable(root, name string) ([]string, error) {
	links, err := filepath.Glob(filepath.Join(root, "/etc/systemd/system", "*.wants", name))
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, link := range links {
		if err := os.Remove(link); err != nil {
			return removed, err
		}
		removed = append(removed, fmt.Sprintf("Removed %q.", strings.TrimPrefix(link, root)))
	}
	return removed, nil
}

// enablement returns the output of systemctl is-enabled.
func enablement(root string, u *unit) string {
	if links, _ := filepath.Glob(filepath.Join(root, "/etc/systemd/system", "*.wants", u.Name)); len(links) > 0 {
		return "enabled"
	}
	if len(u.WantedBy) == 0 {
		return "static"
	}
	return "disabled"
}

// wanted lists the services that start at boot.
func wanted(root string) []string {
	entries, _ := os.ReadDir(filepath.Join(root, wantsDirectory))
	var names []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".service") {
			names = append(names, entry.Name())
		}
	}
	return names
}
