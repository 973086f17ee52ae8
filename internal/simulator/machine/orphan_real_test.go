//go:build linux && real

package machine_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// TestRealOtherProcess is the simulator that TestRealMachinesAfterSIGKILL kills.
func TestRealOtherProcess(t *testing.T) {
	if os.Getenv(homeVariable) == "" {
		t.Skip("runs in a process of its own")
	}
	l := newLab(t, options(t))
	for i := range 3 {
		name := fmt.Sprintf("m%d", i)
		// A process in a session of its own and deaf to what can be heard.
		l.PowerOn(l.vm(name, fmt.Sprintf("10.20.0.%d", 20+i), `setsid sh -c '(trap "" TERM HUP INT; sleep 4246) &' &`+joined))
		l.awaitPhase(name, guest.PhaseJoined)
	}
	fmt.Println("ready")
	time.Sleep(time.Minute)
}

func TestRealMachinesAfterSIGKILL(t *testing.T) {
	options := options(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestRealOtherProcess$")
	cmd.Env = append(os.Environ(), homeVariable+"="+options.Home, guestVariable+"="+guestBinary)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for lines := bufio.NewScanner(output); lines.Scan() && lines.Text() != "ready"; {
		t.Log(lines.Text())
	}
	name := fmt.Sprintf("-%d-", cmd.Process.Pid)
	mine := func() (found []string) {
		for _, left := range machine.Leftovers(options.Home) {
			if strings.Contains(left, name) {
				found = append(found, left)
			}
		}
		return found
	}
	pids := processesUnder(t, name)
	for deadline := time.Now().Add(5 * time.Second); len(pids) < 6; pids = processesUnder(t, name) {
		if time.Now().After(deadline) {
			t.Fatalf("the machines' processes are %v", pids)
		}
	}
	spaces := map[string]bool{}
	for _, pid := range pids {
		if space := networkOf(pid); space != "" { // not one that has just ended
			spaces[space] = true
		}
	}
	spaces[networkOfWorld(t, cmd.Process.Pid)] = true
	if len(spaces) != 4 {
		t.Errorf("network namespaces %v, want one of each machine and the World's", spaces)
	}
	if left := mine(); len(left) > 0 {
		t.Errorf("left over from a living World: %v", left)
	}

	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_ = cmd.Wait()
	for deadline := time.Now().Add(5 * time.Second); len(processesUnder(t, name)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still alive: %v", processesUnder(t, name))
		}
	}
	t.Logf("all processes gone within %s", time.Since(start))
	if out, err := exec.Command("pgrep", "-fa", "sleep 4246").Output(); err == nil {
		t.Errorf("still there:\n%s", out)
	}
	everywhere, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range everywhere {
		if space, err := os.Readlink(file); err == nil && spaces[space] {
			t.Errorf("%s holds %s", file, space)
		}
	}
	for _, left := range mine() {
		if !strings.HasPrefix(left, "control group ") && !strings.HasPrefix(left, "directory ") {
			t.Errorf("left over: %s", left)
		}
	}
	if len(mine()) == 0 {
		t.Error("Leftovers finds nothing of a World that was killed")
	}

	l := newLab(t, options)
	if left := mine(); len(left) > 0 {
		t.Errorf("left over after a sweep: %v", left)
	}
	l.Close()
	if entries := entriesOf(t, options.Home); len(entries) > 0 {
		t.Errorf("home has %v", entries)
	}
}

// processesUnder lists the processes in control groups whose name has a part.
func processesUnder(t *testing.T, part string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil && strings.Contains(string(content), part) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

func networkOf(pid string) string {
	space, err := os.Readlink("/proc/" + pid + "/ns/net")
	if err != nil {
		return ""
	}
	return space
}

// networkOfWorld finds the thread that lives elsewhere than its process.
func networkOfWorld(t *testing.T, pid int) string {
	t.Helper()
	own := networkOf(fmt.Sprint(pid))
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/ns/net", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if space, err := os.Readlink(thread); err == nil && space != own {
			return space
		}
	}
	t.Fatal("no thread in a network namespace of its own")
	return ""
}
