package bootstrap_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// proxied is a machine whose script balances by a real HAProxy, which is started as kubelet
// would once its manifest is there.
type proxied struct {
	*machine
	address string // of the front end
	status  string // port
	master  *exec.Cmd
}

// newProxied has the ports of the documents at addresses of the tests' own: all tests share
// the loopback interface, where the backends listen, too.
func newProxied(t *testing.T) *proxied {
	t.Helper()
	haproxy := tool(t, "haproxy", "Debian package haproxy")
	m := newMachineOf(t, loadBalancerUserdata(t, newLoadBalancer(t)))
	m.leases("10.10.183.1/18")
	m.write("/bin/kubelet", stub)
	p := &proxied{machine: m, address: loopback(t) + ":6443", status: freePort(t)}
	template := m.read("/etc/gantry/haproxy.cfg")
	for from, to := range map[string]string{"bind 0.0.0.0:6443": "bind " + p.address, "bind 127.0.0.1:8404": "bind 127.0.0.1:" + p.status} {
		if strings.Count(template, from) != 1 {
			t.Fatalf("%q is not once in the template", from)
		}
		template = strings.Replace(template, from, to, 1)
	}
	m.write("/etc/gantry/haproxy.cfg", template)
	m.play("vmware-rpctool", `case $1 in
"info-get guestinfo.gantry.backends") [[ -s $root/guestinfo ]] && cat "$root/guestinfo" ;;
*gantry.phase*) printf '%s\n' "${1##* }" >>"$root/phases" ;;
*gantry.log*) printf '%s' "${1#* * }" >"$root/tail" ;;
*info-set*) printf '%s\n' "${1#*gantry.}" >>"$root/reports" ;;
esac`)
	m.play("crictl", `[[ -s $root/master ]] || exit 0
case $1 in
ps) echo container-1 ;;
inspect) cat "$root/master" ;;
exec) shift 3; [[ $1 == haproxy ]] && shift && `+haproxy+` "${@//\/usr\/local\/etc\/haproxy/$root\/etc\/gantry\/haproxy}" ;;
esac`)
	return p
}

// start runs HAProxy as its manifest says.
func (p *proxied) start() {
	p.t.Helper()
	haproxy := tool(p.t, "haproxy", "Debian package haproxy")
	p.master = exec.Command(haproxy, "-W", "-db", "-f", filepath.Join(p.root, balances))
	log, err := os.Create(filepath.Join(p.root, "haproxy.log"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.master.Stdout = log
	p.master.Stderr = log
	if err := p.master.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.write("/master", fmt.Sprint(p.master.Process.Pid))
	p.t.Cleanup(func() {
		// Its master process ends the workers, old ones, too.
		_ = p.master.Process.Signal(os.Interrupt)
		ended := make(chan struct{})
		go func() { _ = p.master.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = p.master.Process.Kill()
			<-ended
		}
	})
}

// balance runs the script until the test ends, and kubelet's part.
func (p *proxied) balance() {
	p.t.Helper()
	stop := filepath.Join(p.root, "stop")
	command := exec.Command(filepath.Join(p.root, "etc/gantry/bootstrap.sh"), "balance")
	command.Env = append(os.Environ(), "GANTRY_ROOT="+p.root, "GANTRY_PAUSE=0", "GANTRY_LOOK=0.05",
		"GANTRY_STAT="+filepath.Join(p.root, "stat"), "GANTRY_STATUS_PORT="+p.status, "GANTRY_STOP="+stop)
	if err := command.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		p.write("/stop", "")
		if err := command.Wait(); err != nil {
			p.t.Errorf("the script ended with %v; log:\n%s", err, p.log())
		}
	})
	p.await("a manifest", func() bool { return p.exists(manifest) })
	p.start()
}

func (p *proxied) await(what string, done func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s did not come; log:\n%s\nHAProxy:\n%s", what, p.log(), p.read("/haproxy.log"))
		}
	}
}

// uses has the backends arrive in guestinfo, and waits until HAProxy runs by them.
func (p *proxied) uses(servers ...*apiServer) {
	p.t.Helper()
	var list []string
	for _, server := range servers {
		list = append(list, server.address)
	}
	value := strings.Join(list, ",")
	p.write("/guestinfo.new", value)
	if err := os.Rename(filepath.Join(p.root, "guestinfo.new"), filepath.Join(p.root, "guestinfo")); err != nil {
		p.t.Fatal(err)
	}
	if p.master == nil {
		p.balance()
	}
	p.await("backends "+value, func() bool {
		reports := p.reports()
		return len(reports) > 0 && reports[len(reports)-1] == "backends.applied "+value
	})
}

func TestHAProxyTakesItsConfiguration(t *testing.T) {
	t.Parallel()
	haproxy := tool(t, "haproxy", "Debian package haproxy")
	lb := newLoadBalancer(t)
	for name, list := range map[string][]string{
		"one": {"10.10.183.11"}, "three": {"10.10.183.11", "10.10.183.12", "10.10.183.13"},
	} {
		config := string(must(bootstrap.HAProxyConfig(addresses(list...))))
		directory := t.TempDir()
		check := func(config string) (string, error) {
			for file, content := range map[string]string{"haproxy.cfg": config, "ca.crt": string(lb.CACertificate)} {
				if err := os.WriteFile(filepath.Join(directory, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return run(t, haproxy, "-c", "-f", filepath.Join(directory, "haproxy.cfg"))
		}
		output, err := check(config)
		if err != nil || strings.Contains(output, "WARNING") {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
		for right, wrong := range map[string]string{
			"timeout tunnel 1h": "timeout tunnels 1h", "ca-file ca.crt": "ca-file other.crt", "server 10.10.183.11": "servers 10.10.183.11",
		} {
			if output, err := check(strings.Replace(config, right, wrong, 1)); err == nil {
				t.Errorf("%s: HAProxy takes %q: %s", name, wrong, output)
			}
		}
	}
}
