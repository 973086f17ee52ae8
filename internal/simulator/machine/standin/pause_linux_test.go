package standin_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEndsOnSignal(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pause", "idle"} {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(fmt.Sprint(name, " ", signal), func(t *testing.T) {
				t.Parallel()
				run := command(t, name)
				said, err := run.StderrPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := run.Start(); err != nil {
					t.Fatal(err)
				}
				// It speaks once it listens.
				if _, err := said.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				if err := run.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				if err := run.Wait(); err != nil {
					t.Errorf("ended with %v, want status 0", err)
				}
			})
		}
	}
}

// TestPauseReaps gives pause a child that no other process waits for: one whose parent ended.
func TestPauseReaps(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("a new PID namespace takes root")
	}
	run := command(t, "pause")
	run.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	pause := run.Process.Pid
	orphan := exec.CommandContext(t.Context(), "nsenter", "-t", fmt.Sprint(pause), "-p", "sh", "-c", "sleep 600 >/dev/null 2>&1 &")
	if output, err := orphan.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	child, err := strconv.Atoi(children(t, pause))
	if err != nil {
		t.Fatalf("the orphan is not pause's child, so that this shows nothing: %v", err)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child is reaped", func() bool { return children(t, pause) == "" })
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("ended with %v, want status 0", err)
	}
}

// children returns those of any thread of a process, the dead ones too.
func children(t *testing.T, pid int) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf("cat /proc/%d/task/*/children", pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
