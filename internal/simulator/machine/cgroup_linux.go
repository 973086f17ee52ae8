package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hierarchy is one mounted tree of control groups. With version 1 there is one
// for each controller, and often an empty one of version 2 beside them.
type hierarchy struct {
	mount       string
	unified     bool // version 2
	controllers []string
}

type hierarchies []hierarchy

// needed are the controllers that kubelet insists on.
var needed = []string{"cpu", "cpuset", "memory", "pids"}

// findHierarchies reads them from /proc/self/mountinfo.
func findHierarchies() (hierarchies, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found hierarchies
	for line := range strings.Lines(string(mounts)) {
		// 36 35 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
		before, after, ok := strings.Cut(line, " - ")
		mount, source := strings.Fields(before), strings.Fields(after)
		if !ok || len(mount) < 5 || len(source) < 3 {
			continue
		}
		h := hierarchy{mount: mount[4], unified: source[0] == "cgroup2"}
		switch source[0] {
		case "cgroup":
			h.controllers = strings.Split(source[2], ",")
		case "cgroup2":
			content, err := os.ReadFile(filepath.Join(h.mount, "cgroup.controllers"))
			if err != nil {
				return nil, err
			}
			h.controllers = strings.Fields(string(content))
		default:
			continue
		}
		// The same tree may be mounted twice.
		if !slices.ContainsFunc(found, func(other hierarchy) bool { return other.same(h) }) {
			found = append(found, h)
		}
	}
	return found, nil
}

func (h hierarchy) same(other hierarchy) bool {
	return h.unified == other.unified && slices.Equal(h.controllers, other.controllers)
}

func (hs hierarchies) check() error {
	var missing []string
	for _, controller := range needed {
		if !slices.ContainsFunc(hs, func(h hierarchy) bool { return slices.Contains(h.controllers, controller) }) {
			missing = append(missing, controller)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no control groups for %s are mounted", strings.Join(missing, ", "))
	}
	for _, h := range hs {
		if err := unix.Access(h.mount, unix.W_OK); err != nil {
			return fmt.Errorf("control groups in %s: %w", h.mount, err)
		}
	}
	return nil
}

// create makes a cgroup in every hierarchy, ready for processes and for cgroups
// below it.
func (hs hierarchies) create(parts ...string) error {
	for _, h := range hs {
		dir := h.mount
		for _, part := range parts {
			if h.unified {
				// Version 2, written after the kernel's cgroup-v2.rst and tried only
				// where its tree has no controllers: a cgroup's children have the
				// controllers that it lists here.
				if err := delegate(dir, h.controllers); err != nil {
					return err
				}
			}
			parent := dir
			dir = filepath.Join(dir, part)
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("control group: %w", err)
			}
			if !h.unified && slices.Contains(h.controllers, "cpuset") {
				// Version 1 starts a cpuset empty, and lets no process into it.
				if err := inherit(parent, dir, "cpuset.cpus", "cpuset.mems"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func delegate(dir string, controllers []string) error {
	var missing []string
	enabled, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return fmt.Errorf("control group: %w", err)
	}
	for _, controller := range controllers {
		if !slices.Contains(strings.Fields(string(enabled)), controller) {
			missing = append(missing, "+"+controller)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(strings.Join(missing, " ")), 0); err != nil {
		return fmt.Errorf("control group: controllers %s: %w", strings.Join(missing, " "), err)
	}
	return nil
}

func inherit(parent, dir string, files ...string) error {
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(parent, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), content, 0)
		}
		if err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// join moves a process into a cgroup of every hierarchy.
func (hs hierarchies) join(pid int, parts ...string) error {
	for _, h := range hs {
		dir := filepath.Join(h.mount, filepath.Join(parts...))
		text := []byte(strconv.Itoa(pid))
		err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), text, 0)
		if h.unified && errors.Is(err, unix.EBUSY) {
			// Version 2 has processes in the leaves only. A machine's first process has
			// made this one when it handed its controllers on to others.
			err = os.WriteFile(filepath.Join(dir, "init.scope", "cgroup.procs"), text, 0)
		}
		if err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// thaw lets frozen processes run on: version 1 keeps even SIGKILL from them.
func (hs hierarchies) thaw(parts ...string) {
	for _, h := range hs {
		if h.unified || !slices.Contains(h.controllers, "freezer") {
			continue
		}
		for _, dir := range subtree(filepath.Join(h.mount, filepath.Join(parts...))) {
			_ = os.WriteFile(filepath.Join(dir, "freezer.state"), []byte("THAWED"), 0)
		}
	}
}

// processes returns the ids of all processes in a cgroup and below it.
func (hs hierarchies) processes(parts ...string) []int {
	var pids []int
	for _, h := range hs {
		for _, dir := range subtree(filepath.Join(h.mount, filepath.Join(parts...))) {
			content, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for _, field := range strings.Fields(string(content)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
					pids = append(pids, pid)
				}
			}
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// programs describes the processes in a cgroup and below it.
func (hs hierarchies) programs(parts ...string) []string {
	var found []string
	for _, pid := range hs.processes(parts...) {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // it may have ended
		found = append(found, fmt.Sprintf("process %d (%s) in %s", pid, strings.TrimSpace(string(command)), filepath.Join(parts...)))
	}
	return found
}

// remove removes a cgroup with all below it, once its processes are gone; it
// kills those that are not.
func (hs hierarchies) remove(patience time.Duration, parts ...string) error {
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := hs.tryRemove(parts...)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		for _, pid := range hs.processes(parts...) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		hs.thaw(parts...)
		time.Sleep(pause)
	}
}

func (hs hierarchies) tryRemove(parts ...string) error {
	var failed error
	for _, h := range hs {
		dirs := subtree(filepath.Join(h.mount, filepath.Join(parts...)))
		slices.Reverse(dirs)
		for _, dir := range dirs {
			if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = fmt.Errorf("remove control group %s: %w", dir, err)
			}
		}
	}
	return failed
}

// list names the cgroups below a cgroup, in any hierarchy.
func (hs hierarchies) list(parts ...string) []string {
	var names []string
	for _, h := range hs {
		entries, _ := os.ReadDir(filepath.Join(h.mount, filepath.Join(parts...)))
		for _, entry := range entries {
			if entry.IsDir() {
				names = append(names, entry.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// subtree lists a directory and those below it, parents first.
func subtree(dir string) []string {
	var dirs []string
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	return dirs
}
