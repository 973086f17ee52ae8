package processes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// workspace is a directory with a configuration and a state.
type workspace struct {
	t   *testing.T
	in  installation
	dir string
	env []string // beyond the environment of every run
	// patience is how long a run may take.
	patience time.Duration
}

func newWorkspace(t *testing.T, hcl string) *workspace {
	t.Helper()
	in, err := install()
	if err != nil {
		t.Fatal(err)
	}
	w := &workspace{t: t, in: in, dir: t.TempDir(), patience: 2 * time.Minute}
	w.configure(hcl)
	return w
}

// configure writes another configuration.
func (w *workspace) configure(hcl string) {
	w.t.Helper()
	hcl = "terraform {\n  required_providers { gantry = { source = \"gantry/gantry\" } }\n}\n" + hcl
	if err := os.WriteFile(filepath.Join(w.dir, "main.tf"), []byte(hcl), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// environment is that of the tests without what would tell a run of another
// vCenter or another CLI.
func (w *workspace) environment() []string {
	var env []string
	for _, kv := range os.Environ() {
		setting := func(prefix string) bool { return strings.HasPrefix(kv, prefix) }
		if !slices.ContainsFunc([]string{"VSPHERE_", "GANTRY_", "TF_", "TOFU_"}, setting) {
			env = append(env, kv)
		}
	}
	env = append(env, "TF_CLI_CONFIG_FILE="+w.in.settings, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
	return append(env, w.env...)
}

// process is a run of the CLI. It leads a process group, in which its providers
// are, too.
type process struct {
	t   *testing.T
	in  installation
	cmd *exec.Cmd
	out output
	// patience is how long it may take.
	patience time.Duration
	done     chan struct{} // closed when it has ended
}

// output may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start starts the CLI. What is left of its process group ends with the test.
func (w *workspace) start(args ...string) *process {
	w.t.Helper()
	args = append([]string{args[0], "-no-color"}, args[1:]...)
	p := &process{t: w.t, in: w.in, cmd: exec.Command(w.in.cli, args...), patience: w.patience, done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = w.dir, w.environment()
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // its exit code tells
	}()
	w.t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	})
	return p
}

// end waits until the run has ended and answers its exit code.
func (p *process) end() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(p.patience):
		p.t.Fatalf("%s has not ended:\n%s", p, &p.out)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) String() string { return strings.Join(p.cmd.Args, " ") }

// running reports whether the run has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// until waits for a moment of the run, which has to go on until then.
func (p *process) until(what string, reached func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(p.patience); !reached(); time.Sleep(2 * time.Millisecond) {
		if !p.running() {
			p.t.Fatalf("%s has ended before %s:\n%s", p, what, &p.out)
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s, and still not %s:\n%s", p, what, &p.out)
		}
	}
}

// providers are the provider processes of this run.
func (p *process) providers() []int {
	p.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		p.t.Skipf("processes are found by /proc: %v", err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		exe, err := os.Readlink(filepath.Join("/proc", entry.Name(), "exe"))
		if err != nil || exe != p.in.provider {
			continue
		}
		if group, err := syscall.Getpgid(pid); err == nil && group == p.cmd.Process.Pid {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killProvider ends the provider as the kernel does when memory runs out: the
// CLI is told nothing.
func (p *process) killProvider() {
	p.t.Helper()
	pids := p.providers()
	if len(pids) == 0 {
		p.t.Fatalf("%s has no provider process:\n%s", p, &p.out)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			p.t.Fatal(err)
		}
	}
}

// killAll ends the CLI and its providers at once, as a machine that goes away.
func (p *process) killAll() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.end()
}

// signal tells the whole group, as a terminal does on Ctrl-C.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil {
		p.t.Fatal(err)
	}
}

// must runs the CLI, which has to succeed, and answers what it printed.
func (w *workspace) must(args ...string) string {
	w.t.Helper()
	p := w.start(args...)
	if code := p.end(); code != 0 {
		w.t.Fatalf("%s: exit code %d\n%s", p, code, &p.out)
	}
	return p.out.String()
}

// refused runs the CLI, which has to fail, and answers what it printed, in one
// line of single spaces and without frames.
func (w *workspace) refused(args ...string) string {
	w.t.Helper()
	p := w.start(args...)
	if p.end() == 0 {
		w.t.Fatalf("%s has succeeded:\n%s", p, &p.out)
	}
	return words(p.out.String())
}

func words(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(s)), " ")
}

var (
	apply   = []string{"apply", "-auto-approve", "-input=false"}
	destroy = []string{"apply", "-destroy", "-auto-approve", "-input=false"}
	plan    = []string{"plan", "-input=false"}
)

// nothingToDo expects an empty plan.
func (w *workspace) nothingToDo() {
	w.t.Helper()
	p := w.start("plan", "-detailed-exitcode", "-input=false")
	if code := p.end(); code != 0 {
		w.t.Errorf("a plan after the apply: exit code %d, and not 0 for nothing to do\n%s", code, &p.out)
	}
}

// outputs reads the outputs of the state.
func (w *workspace) outputs(into any) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.in.cli, "output", "-json", "result")
	cmd.Dir, cmd.Env = w.dir, w.environment()
	raw, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		w.t.Fatal(fmt.Errorf("read the outputs: %w", err))
	}
}
