package machine

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// worlds are those of this process.
var worlds struct {
	sync.Mutex
	count int
	open  map[string]bool // by name
	homes map[string]bool // directories that ever had one
}

const ownerPrefix = "gantry-machines-"

// ownerName names what a World makes on this host so that any later one can determine
// whether its process still lives: by namespace of process ids, process id, and
// start time, since ids come again.
func ownerName(base string) (string, error) {
	space, err := pidNamespace()
	if err != nil {
		return "", err
	}
	pid := os.Getpid()
	start, ok := startTime(pid)
	if !ok {
		return "", errors.New("read this process's start time from /proc")
	}
	worlds.Lock()
	defer worlds.Unlock()
	if worlds.open == nil {
		worlds.open = map[string]bool{}
		worlds.homes = map[string]bool{}
	}
	worlds.count++
	name := fmt.Sprintf("%s%d-%d-%d-%d", ownerPrefix, space, pid, start, worlds.count)
	worlds.open[name], worlds.homes[base] = true, true
	return name, nil
}

// disown says that a World of this process is closed.
func disown(name string) {
	worlds.Lock()
	defer worlds.Unlock()
	delete(worlds.open, name)
}

// abandoned reports whether a name is that of a World whose process is dead, or
// that this process has closed.
func abandoned(name string) bool {
	rest, ok := strings.CutPrefix(name, ownerPrefix)
	if !ok {
		return false
	}
	var space, start uint64
	var pid, serial int
	if n, err := fmt.Sscanf(rest, "%d-%d-%d-%d", &space, &pid, &start, &serial); err != nil || n != 4 {
		return false
	}
	// Nothing is known about processes of another container.
	if own, err := pidNamespace(); err != nil || own != space {
		return false
	}
	if running, ok := startTime(pid); !ok || running != start {
		return true
	}
	worlds.Lock()
	defer worlds.Unlock()
	return pid == os.Getpid() && !worlds.open[name]
}

func pidNamespace() (uint64, error) {
	var stat unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &stat); err != nil {
		return 0, fmt.Errorf("namespace of process ids: %w", err)
	}
	return stat.Ino, nil
}

// startTime returns the start of a living process, in ticks since the kernel did.
func startTime(pid int) (uint64, bool) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The second field is the command in parentheses, which may hold anything.
	_, rest, ok := strings.Cut(string(content[max(0, strings.LastIndexByte(string(content), ')')):]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return 0, false
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	return start, err == nil
}

// homesOf returns some directories, the usual one, and all that had a World of this
// process: where one looks for what is left.
func homesOf(homes ...string) []string {
	homes = append(homes, os.TempDir())
	worlds.Lock()
	defer worlds.Unlock()
	homes = slices.AppendSeq(homes, maps.Keys(worlds.homes))
	slices.Sort(homes)
	return slices.Compact(homes)
}

// sweep removes what dead simulators left: empty control groups, since their
// machines died with them, and disks, wherever Leftovers would list them.
func sweep(hs hierarchies, base string) {
	for _, name := range hs.list() {
		if abandoned(name) {
			_ = hs.remove(time.Second, name)
		}
	}
	for _, home := range homesOf(base) {
		entries, _ := os.ReadDir(home)
		for _, entry := range entries {
			if entry.IsDir() && abandoned(entry.Name()) {
				_ = removeTree(filepath.Join(home, entry.Name()))
			}
		}
	}
}

// removeTree removes a directory, unless something is mounted in it: then the
// files below are not the World's.
func removeTree(dir string) error {
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	if len(mounts) > 0 {
		return fmt.Errorf("%s is not removed: %s is mounted", dir, strings.Join(mounts, ", "))
	}
	return os.RemoveAll(dir)
}

func mountsBelow(dir string) ([]string, error) {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var mounts []string
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 4 && (fields[4] == real || strings.HasPrefix(fields[4], real+"/")) {
			mounts = append(mounts, fields[4])
		}
	}
	return mounts, nil
}
