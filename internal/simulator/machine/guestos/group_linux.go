package guestos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// groupRoot is where control groups are mounted in the machine.
const groupRoot = "/sys/fs/cgroup"

// hierarchy is one tree of control groups that this process is in: one for each
// controller with version 1, one for all with version 2.
type hierarchy struct {
	controllers string // as in /proc/self/cgroup; empty for version 2
	directory   string // below groupRoot
}

// parseHierarchies reads /proc/self/cgroup.
func parseHierarchies(text string) []hierarchy {
	var found []hierarchy
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		directory := strings.TrimPrefix(fields[1], "name=")
		found = append(found, hierarchy{controllers: fields[1], directory: directory})
	}
	// The tree of version 2 has the root to itself unless version 1 is there.
	for i := range found {
		if found[i].controllers == "" && len(found) > 1 {
			found[i].directory = "unified"
		}
	}
	return found
}

func hierarchies() ([]hierarchy, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	return parseHierarchies(string(text)), nil
}

// mountGroups mounts the machine's own control groups below root. They show no
// more than the control group namespace does.
func mountGroups(root string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	base := filepath.Join(root, groupRoot)
	if len(all) == 1 && all[0].controllers == "" {
		return mount("cgroup2", base, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	}
	if err := mount("tmpfs", base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755,size=1m"); err != nil {
		return err
	}
	for _, h := range all {
		at := filepath.Join(base, h.directory)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		kind, data := "cgroup", h.controllers
		switch {
		case h.controllers == "":
			kind = "cgroup2"
		case strings.HasPrefix(h.controllers, "name="):
			data = "none," + h.controllers
		}
		if err := mount("cgroup", at, kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, data); err != nil {
			return err
		}
		// Two controllers on one tree are found by either name.
		if names := strings.Split(h.directory, ","); len(names) > 1 {
			for _, name := range names {
				if err := os.Symlink(h.directory, filepath.Join(base, name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// joinGroup moves this process into a control group of every hierarchy, which is
// made where it does not exist.
func joinGroup(group string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		dir := filepath.Join(groupRoot, h.directory)
		for part := range strings.SplitSeq(group, "/") {
			parent := dir
			dir = filepath.Join(dir, part)
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			if slices.Contains(strings.Split(h.controllers, ","), "cpuset") {
				if err := inheritCPUs(parent, dir); err != nil {
					return err
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// inheritCPUs fills a new cpuset of version 1, which starts empty.
func inheritCPUs(parent, dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		text, err := os.ReadFile(filepath.Join(parent, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0); err != nil {
			return err
		}
	}
	return nil
}

// inGroup lists the processes in a control group itself.
func inGroup(group string) []int {
	all, err := hierarchies()
	if err != nil {
		return nil
	}
	var found []int
	for _, h := range all {
		text, _ := os.ReadFile(filepath.Join(groupRoot, h.directory, group, "cgroup.procs"))
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				found = append(found, pid)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
