//go:build real && linux

package registry_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// address is where the registry is in the network of the containerd that pulls from it.
const address = "127.0.0.1:5000"

// The first process of the namespaces. Its /run is its own: there are no sockets of
// shims to meet those of another containerd.
const first = `
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
ip link set lo up
exec containerd --config "$0/config.toml"
`

// daemon is Debian's containerd in namespaces of its own, as a simulated machine has it.
// Nothing of it is left when its first process is gone but the directory of the test.
type daemon struct {
	t         *testing.T
	process   *exec.Cmd
	directory string
	crictl    string
}

func startContainerd(t *testing.T, served http.Handler) *daemon {
	t.Helper()
	crictls, err := filepath.Glob(filepath.Join(binaries(t), "crictl-v*"))
	if err != nil || len(crictls) == 0 {
		t.Fatalf("no crictl: %v", err)
	}
	d := &daemon{t: t, directory: t.TempDir(), crictl: crictls[len(crictls)-1]}
	d.write("config.toml", fmt.Sprintf(`version = 2
root = "%[1]s/root"
state = "/run/containerd"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "%[1]s/certs.d"
`, d.directory))
	// Without a server of its own, what the mirror does not have is looked for elsewhere.
	d.write("certs.d/_default/hosts.toml", `server = "http://`+address+`"
[host."http://`+address+`"]
capabilities = ["pull", "resolve"]
`)
	log, err := os.Create(filepath.Join(d.directory, "log"))
	if err != nil {
		t.Fatal(err)
	}
	d.process = exec.Command("sh", "-euc", first, d.directory)
	d.process.Stdout = log
	d.process.Stderr = log
	d.process.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS |
			unix.CLONE_NEWCGROUP,
	}
	// The child dies with the thread that forked it.
	runtime.LockOSThread()
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.process.Process.Kill()
		_ = d.process.Wait()
		runtime.UnlockOSThread()
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("containerd said:\n%s", said[max(0, len(said)-8192):])
		}
		_ = log.Close()
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil || strings.Contains(string(mounts), d.directory) {
			t.Errorf("mounts are left: %v", err)
		}
	})
	listener, err := listenInside(d.process.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: served, ReadHeaderTimeout: time.Minute}
	go server.Serve(listener) //nolint:errcheck // ends with the test
	t.Cleanup(func() { _ = server.Close() })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		said, err := d.inside("ctr", "version")
		if err == nil {
			return d
		}
		if time.Now().After(deadline) {
			t.Fatalf("containerd does not answer: %v: %s", err, said)
		}
	}
}

func (d *daemon) write(name, text string) {
	d.t.Helper()
	file := filepath.Join(d.directory, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// listenInside opens a listener in the network of a process.
func listenInside(pid int) (net.Listener, error) {
	type opened struct {
		listener net.Listener
		err      error
	}
	result := make(chan opened)
	go func() {
		// Never unlocked: a thread in another network is of no use to other goroutines, and
		// ends with the goroutine.
		runtime.LockOSThread()
		network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err != nil {
			result <- opened{err: err}
			return
		}
		defer func() { _ = network.Close() }()
		if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- opened{err: err}
			return
		}
		listener, err := net.Listen("tcp", address)
		result <- opened{listener, err}
	}()
	got := <-result
	return got.listener, got.err
}

// inside runs a command next to containerd, in all its namespaces.
func (d *daemon) inside(command ...string) (string, error) {
	arguments := append([]string{"-t", strconv.Itoa(d.process.Process.Pid), "-m", "-p", "-n", "-i", "-u", "-C"}, command...)
	said, err := exec.Command("nsenter", arguments...).CombinedOutput()
	return string(said), err
}

// pull pulls as kubelet does, by the same interface.
func (d *daemon) pull(image string) (string, error) {
	return d.inside(d.crictl, "--runtime-endpoint", "unix:///run/containerd/containerd.sock", "--timeout", "5m", "pull", image)
}

// run starts a container in the foreground. It has no cgroup, because that would outlive
// the namespaces, and the capability that network rules need, in a network of its own.
func (d *daemon) run(image, id string, command ...string) (string, error) {
	arguments := []string{"ctr", "--namespace", "k8s.io", "run", "--rm", "--cgroup", "", "--cap-add", "CAP_NET_ADMIN", image, id}
	return d.inside(append(arguments, command...)...)
}

// stop sends SIGTERM until the container that run started has ended: it may not listen for
// signals yet, and none that it does not listen for reaches the first process of a PID
// namespace.
func (d *daemon) stop(id string, ended <-chan struct{}) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		_, _ = d.inside("ctr", "--namespace", "k8s.io", "task", "kill", "--signal", "SIGTERM", id)
		select {
		case <-ended:
			return nil
		case <-time.After(300 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not end on SIGTERM", id)
}
