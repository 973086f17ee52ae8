package bootstrap_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// balancer is a machine whose script balances, with a stand-in of HAProxy: what it says that
// it runs is in the file "runs", and its master process is one that reads the configuration
// when it is signalled.
type balancer struct {
	*machine
	port string
}

const (
	balances  = "/etc/gantry/haproxy/haproxy.cfg"
	manifest  = "/etc/kubernetes/manifests/haproxy.yaml"
	twoIn     = "10.10.183.11,10.10.183.12"
	threeIn   = "10.10.183.11,10.10.183.12,10.10.183.13"
	fromGuest = "/guestinfo"
)

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	m := newMachineOf(t, loadBalancerUserdata(t, newLoadBalancer(t)))
	m.leases("10.10.183.1/18")
	m.write("/bin/kubelet", stub)
	status, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{machine: m, port: fmt.Sprint(status.Addr().(*net.TCPAddr).Port)}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if runs := m.read("/runs"); runs != "" && r.URL.Path == "/backends" {
			_, _ = io.WriteString(w, runs)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	})}
	go func() { _ = server.Serve(status) }()
	t.Cleanup(func() { _ = server.Close() })
	m.play("vmware-rpctool", `case $1 in
"info-get guestinfo.gantry.backends") [[ -s $root/guestinfo ]] && cat "$root/guestinfo" ;;
*gantry.phase*) printf '%s\n' "${1##* }" >>"$root/phases" ;;
*gantry.log*) printf '%s' "${1#* * }" >"$root/tail" ;;
*info-set*) printf '%s\n' "${1#*gantry.}" >>"$root/reports" ;;
esac`)
	return b
}

// serves has the stand-in of HAProxy run in its container. What its configuration says it
// runs by, from the start and when its master process is signalled.
func (b *balancer) serves() {
	b.t.Helper()
	const read = `runs() { sed -n 's/.* string "\(.*\)" if .*/\1/p' "$1/etc/gantry/haproxy/haproxy.cfg" | tr -d '\n' >"$1/runs"; }`
	b.write("/haproxy", read+`
trap 'runs "$1"; echo x >>"$1/signals"' USR2
until [[ -e $1/etc/kubernetes/manifests/haproxy.yaml ]]; do sleep 0.02; done
runs "$1"
while :; do sleep 0.02; done`)
	command := exec.CommandContext(b.t.Context(), "bash", filepath.Join(b.root, "haproxy"), b.root)
	if err := command.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = command.Wait() })
	b.play("crictl", fmt.Sprintf(`case $1 in
ps) echo container-1 ;;
inspect) echo %d ;;
exec) [[ ! -e $root/refuses ]] || { echo "[ALERT] parsing"; exit 1; } ;;
esac`, command.Process.Pid))
}

// balance runs the script until it has done what is waited for.
func (b *balancer) balance(done func() bool) {
	b.t.Helper()
	stop := filepath.Join(b.root, "stop")
	_ = os.Remove(stop)
	command := exec.CommandContext(b.t.Context(), filepath.Join(b.root, "etc/gantry/bootstrap.sh"), "balance")
	command.Env = append(os.Environ(), "GANTRY_ROOT="+b.root, "GANTRY_PAUSE=0", "GANTRY_LOOK=0.02",
		"GANTRY_STAT="+filepath.Join(b.root, "stat"), "GANTRY_STATUS_PORT="+b.port, "GANTRY_STOP="+stop)
	ended := make(chan error, 1)
	var output []byte
	go func() {
		var err error
		output, err = command.CombinedOutput()
		ended <- err
	}()
	deadline := time.After(time.Minute)
	for !done() {
		select {
		case err := <-ended:
			b.t.Fatalf("the script ended (%v); it printed %s\nlog:\n%s", err, output, b.log())
		case <-deadline:
			b.t.Fatalf("it did not come; phases %v, reports %v, log:\n%s", b.phases(), b.reports(), b.log())
		case <-time.After(10 * time.Millisecond):
		}
	}
	b.write("/stop", "")
	if err := <-ended; err != nil || len(output) > 0 {
		b.t.Errorf("the script ended with %v and printed %s", err, output)
	}
}

// reached waits for a phase that the script has reported last.
func (b *balancer) reached(phase string, reports ...string) func() bool {
	return func() bool {
		phases := b.phases()
		if len(phases) == 0 || phases[len(phases)-1] != phase {
			return false
		}
		for _, report := range reports {
			if !slices.Contains(b.reports(), report) {
				return false
			}
		}
		return true
	}
}

func TestBalancerWaitsForBackends(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.play("crictl", `[[ $1 != inspecti ]]`) // the image is not there
	b.balance(b.reached("waiting"))
	b.wantPhases("booting", "waiting")
	b.wantReports("address 10.10.183.1")
	if b.exists(manifest) || b.exists(balances) {
		t.Error("HAProxy runs without a backend")
	}
	if !slices.Contains(b.calls("crictl"), "pull "+bootstrap.DefaultHAProxyImage) {
		t.Errorf("the image was not pulled: %q", b.calls("crictl"))
	}
	if calls := b.calls("systemctl"); !slices.Contains(calls, "restart kubelet") || !slices.Contains(calls, "enable containerd kubelet") {
		t.Errorf("systemctl %q", calls)
	}
	if started := b.started(); !slices.Contains(started, "gantry-forget.service") {
		t.Errorf("what cloud-init keeps is not removed: %q", started)
	}
	// At a later boot it is prepared, and tells all the same.
	b.write("/calls", "")
	b.balance(func() bool { return len(b.phases()) == 4 })
	b.wantPhases("booting", "waiting", "booting", "waiting")
	if calls := b.calls("systemctl"); len(calls) > 0 {
		t.Errorf("systemctl %q at a later boot", calls)
	}
}

// The image that every pod runs in is there before kubelet starts HAProxy, as either generation
// of containerd names it. One that does not say is left to pull it.
func TestBalancerPullsTheSandboxImage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ dump, want string }{
		"containerd 1": {"    sandbox_image = \"registry.k8s.io/pause:3.8\"\n    sandbox_mode = \"podsandbox\"",
			"pull registry.k8s.io/pause:3.8"},
		"containerd 2": {"      [plugins.'io.containerd.cri.v1.images'.pinned_images]\n        sandbox = 'mirror.example.com/pause:3.10'\n" +
			"          sandboxer = 'podsandbox'", "pull mirror.example.com/pause:3.10"},
		"says nothing": {"version = 3", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBalancer(t)
			b.write("/dump", c.dump+"\n")
			b.play("containerd", `[[ $* == "config dump" ]] && cat "$root/dump"`)
			b.play("crictl", `[[ $1 != inspecti ]]`) // no image is there
			b.balance(b.reached("waiting"))
			pulls := slices.DeleteFunc(b.calls("crictl"), func(call string) bool { return !strings.HasPrefix(call, "pull ") })
			want := []string{"pull " + bootstrap.DefaultHAProxyImage}
			if c.want != "" {
				want = append(want, c.want)
			}
			if !slices.Equal(pulls, want) {
				t.Errorf("pulls %q, want %q; log:\n%s", pulls, want, b.log())
			}
		})
	}
}

func TestBalancerFollowsItsBackends(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.write(fromGuest, twoIn+"\n")
	b.serves() // kubelet is quick
	b.balance(b.reached("serving", "backends.applied "+twoIn))
	want := must(bootstrap.HAProxyConfig(addresses("10.10.183.11", "10.10.183.12")))
	if got := b.read(balances); got != string(want) {
		t.Errorf("the configuration is not what bootstrap renders:\n%s", got)
	}
	if b.read(manifest) != b.read("/etc/gantry/haproxy.yaml") {
		t.Error("kubelet has another manifest")
	}
	before := b.read(manifest)
	b.write(fromGuest, threeIn)
	b.balance(b.reached("serving", "backends.applied "+threeIn))
	if got := b.read(balances); strings.Count(got, "    server 10.10.183.13 10.10.183.13:6443\n") != 1 {
		t.Errorf("configuration:\n%s", got)
	}
	if b.read(manifest) != before {
		t.Error("kubelet restarts HAProxy for a new list") // its clients would be cut off
	}
	if checks := b.calls("crictl"); !slices.Contains(checks, "exec --sync container-1 haproxy -c -f /usr/local/etc/haproxy/haproxy.cfg.new") {
		t.Errorf("it was not checked: %q", checks)
	}
}

// What is gone from guestinfo, or is no list, changes nothing.
func TestBalancerIsNeverWithoutBackends(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.write(fromGuest, twoIn)
	b.serves()
	b.balance(b.reached("serving"))
	kept := b.read(balances)
	for _, wrong := range []string{
		"", "\n", "nonsense", "10.10.183.11,", ",10.10.183.11", "10.10.183.256", "10.10.183.11;reboot", "10.10.183.11 \n x",
	} {
		b.write(fromGuest, wrong)
		b.write("/phases", "")
		b.balance(b.reached("serving", "backends.applied "+twoIn))
		if got := b.read(balances); got != kept {
			t.Errorf("after %q the configuration is:\n%s", wrong, got)
		}
		if b.exists("/signals") {
			t.Errorf("after %q HAProxy was signalled", wrong)
		}
	}
}

// A machine that boots again goes on by what is on its disk, whether or not guestinfo has it.
func TestBalancerServesAfterItsRestart(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.write(fromGuest, twoIn)
	b.serves()
	b.balance(b.reached("serving"))
	b.write(fromGuest, "")
	b.write("/phases", "")
	b.write("/reports", "")
	b.balance(b.reached("serving"))
	b.wantPhases("booting", "serving")
	b.wantReports("address 10.10.183.1", "backends.applied "+twoIn)
}

func TestBalancerKeepsWhatRunsWhenHAProxyRefuses(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.write(fromGuest, twoIn)
	b.serves()
	b.balance(b.reached("serving"))
	kept := b.read(balances)
	b.write("/refuses", "")
	b.write(fromGuest, threeIn)
	b.balance(b.reached("failed"))
	if b.read(balances) != kept || b.exists("/signals") {
		t.Error("HAProxy was told of what it refuses")
	}
	if !strings.Contains(b.read("/tail"), "HAProxy refuses the new configuration") {
		t.Errorf("the reported log does not say why:\n%s", b.read("/tail"))
	}
	// It is tried again.
	if err := os.Remove(filepath.Join(b.root, "refuses")); err != nil {
		t.Fatal(err)
	}
	b.balance(b.reached("serving", "backends.applied "+threeIn))
}

func TestBalancerTellsThatHAProxyDoesNotRun(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.write(fromGuest, twoIn)
	b.play("crictl", `case $1 in
ps) [[ "$*" != *--all* ]] || echo container-0 ;;
logs) echo 'exec: "haproxy": executable file not found' ;;
esac`)
	b.balance(b.reached("failed"))
	if !strings.Contains(b.read("/tail"), "executable file not found") {
		t.Errorf("the reported log lacks HAProxy's reason:\n%s", b.read("/tail"))
	}
	b.serves()
	b.balance(b.reached("serving", "backends.applied "+twoIn))
}

func TestBalancerFailsWithoutItsImage(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.play("crictl", `echo "no route to registry"; exit 1`)
	command := exec.CommandContext(t.Context(), filepath.Join(b.root, "etc/gantry/bootstrap.sh"), "balance")
	command.Env = append(os.Environ(), "GANTRY_ROOT="+b.root, "GANTRY_PAUSE=0", "GANTRY_STAT="+filepath.Join(b.root, "stat"))
	if err := command.Run(); err == nil {
		t.Error("the script was a success")
	}
	b.wantPhases("booting", "booting", "booting", "booting", "booting", "failed")
	if !strings.Contains(b.read("/tail"), "no route to registry") {
		t.Errorf("the reported log lacks the reason:\n%s", b.read("/tail"))
	}
}

// Where kubelet has not made the container yet, as while it pulls an image over a slow line,
// there is more patience.
func TestBalancerIsPatientWithoutAContainer(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.write(fromGuest, twoIn)
	b.play("crictl", `case "$*" in
"ps --all"*) echo x >>"$root/looks"; (($(wc -l <"$root/looks") < 40)) || echo container-0 ;;
esac`)
	b.balance(b.reached("failed"))
	if looks := len(lines(b.read("/looks"))); looks < 40 {
		t.Errorf("it has failed after %d looks beyond the first ones", looks)
	}
}

// What was reported may be lost: it is reported again.
func TestBalancerRepeatsItsReports(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.write(fromGuest, twoIn)
	b.serves()
	lost := false
	b.balance(func() bool {
		if !lost && b.reached("serving")() {
			b.write("/phases", "")
			b.write("/reports", "")
			lost = true
		}
		return lost && b.reached("serving", "address 10.10.183.1", "backends.applied "+twoIn)()
	})
}

func TestBalancerReportsAChangedLease(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	b.write(fromGuest, twoIn)
	b.serves()
	b.balance(b.reached("serving"))
	b.leases("10.10.183.2/18")
	b.balance(b.reached("serving", "lease 10.10.183.2"))
	b.wantReports("address 10.10.183.1", "backends.applied "+twoIn, "address 10.10.183.1", "lease 10.10.183.2", "backends.applied "+twoIn)
}
