package guestos

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// execution is what stands between the fork of a service's process and its
// program: the first process can't do it for a child that is already another.
type execution struct {
	Arguments      []string
	Environment    []string
	Directory      string
	Group          string
	Limits         map[string]string
	OOMScoreAdjust *int
}

// executionFile is the number of the file that execute reads. Not an argument:
// an environment may hold a password, and arguments are for all to see.
const executionFile = 3

// file holds the execution for the child.
func (e execution) file() (*os.File, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("execution", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "execution")
	if _, err := file.WriteAt(text, 0); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// runExecute becomes the program that the execution describes.
func runExecute([]string) int {
	var e execution
	file := os.NewFile(executionFile, "execution")
	err := json.NewDecoder(file).Decode(&e)
	_ = file.Close()
	if err == nil {
		err = e.become()
	}
	fmt.Fprintln(os.Stderr, "execute:", err)
	return 203 // EXIT_EXEC of systemd
}

func (e execution) become() error {
	if e.Group != "" {
		if err := joinGroup(e.Group); err != nil {
			return err
		}
	}
	for name, value := range e.Limits {
		if err := setLimit(name, value); err != nil {
			return fmt.Errorf("limit %s of %s: %w", name, value, err)
		}
	}
	if e.OOMScoreAdjust != nil {
		err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(*e.OOMScoreAdjust)), 0)
		if err != nil && !errors.Is(err, fs.ErrPermission) { // systemd continues then, too
			return err
		}
	}
	directory := strings.TrimPrefix(e.Directory, "-")
	if directory == "" {
		directory = "/"
	}
	if err := os.Chdir(directory); err != nil && !strings.HasPrefix(e.Directory, "-") {
		return err
	}
	if err := unix.Exec(programPath(e.Arguments[0]), e.Arguments, e.Environment); err != nil {
		return fmt.Errorf("%s: %w", e.Arguments[0], err)
	}
	return nil
}

// programDirectories are where systemd looks for a program that a unit names without a path.
var programDirectories = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"}

// programPath finds it there.
func programPath(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	for _, directory := range programDirectories {
		if path := filepath.Join(directory, name); exists(path) {
			return path
		}
	}
	return name
}

var limits = map[string]int{
	"CPU": unix.RLIMIT_CPU, "FSIZE": unix.RLIMIT_FSIZE, "DATA": unix.RLIMIT_DATA, "STACK": unix.RLIMIT_STACK,
	"CORE": unix.RLIMIT_CORE, "RSS": unix.RLIMIT_RSS, "NOFILE": unix.RLIMIT_NOFILE, "AS": unix.RLIMIT_AS,
	"NPROC": unix.RLIMIT_NPROC, "MEMLOCK": unix.RLIMIT_MEMLOCK,
}

func setLimit(name, value string) error {
	resource, ok := limits[name]
	if !ok {
		return fmt.Errorf("unknown limit")
	}
	soft, hard, both := strings.Cut(value, ":")
	if !both {
		hard = soft
	}
	var limit unix.Rlimit
	var err error
	if limit.Cur, err = parseLimit(soft); err != nil {
		return err
	}
	if limit.Max, err = parseLimit(hard); err != nil {
		return err
	}
	if resource == unix.RLIMIT_NOFILE {
		// The kernel's maximum, so infinity means this.
		text, err := os.ReadFile("/proc/sys/fs/nr_open")
		if err != nil {
			return err
		}
		most, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return err
		}
		limit.Cur, limit.Max = min(limit.Cur, most), min(limit.Max, most)
	}
	err = unix.Setrlimit(resource, &limit)
	if errors.Is(err, unix.EPERM) {
		// Root need not be allowed to raise what it was given. systemd takes the
		// closest then, and so does this.
		var given unix.Rlimit
		if err := unix.Getrlimit(resource, &given); err != nil {
			return err
		}
		limit.Cur, limit.Max = min(limit.Cur, given.Max), min(limit.Max, given.Max)
		err = unix.Setrlimit(resource, &limit)
	}
	return err
}

func parseLimit(text string) (uint64, error) {
	if text == "infinity" {
		return unix.RLIM_INFINITY, nil
	}
	return strconv.ParseUint(text, 10, 64)
}
