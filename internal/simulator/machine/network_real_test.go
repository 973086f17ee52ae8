//go:build linux && real

package machine_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

const listening = "\n(/g echo :6443 $(hostname) &)\n"

func (l *lab) greeting(address string) string {
	l.t.Helper()
	ctx, cancel := timeout(l.t, 5*time.Second)
	defer cancel()
	conn, err := l.Dial(ctx, netip.MustParseAddrPort(address))
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestRealMachineNetwork(t *testing.T) {
	l := newLab(t, options(t))
	for name, address := range map[string]string{"one": "10.20.0.11", "two": "10.20.0.12"} {
		l.PowerOn(l.vm(name, address, "hostname "+name+listening+joined))
	}
	elsewhere := l.vm("three", "10.20.0.13", "hostname three"+listening+joined)
	elsewhere.Network = "others"
	for key, value := range elsewhere.GuestInfo {
		elsewhere.GuestInfo[key] = strings.ReplaceAll(value, "10.20.0.", "10.30.0.")
	}
	l.PowerOn(elsewhere)
	for _, name := range []string{"one", "two", "three"} {
		l.awaitPhase(name, guest.PhaseJoined)
	}
	l.eventually("listeners", func() bool {
		return l.greeting("10.20.0.11:6443") == "one" && l.greeting("10.20.0.12:6443") == "two" && l.greeting("10.30.0.13:6443") == "three"
	})
	// Beside each other, and through the router.
	l.run("one", "busybox", "ping", "-c", "1", "-W", "3", "10.20.0.12")
	l.run("one", "busybox", "ping", "-c", "1", "-W", "3", "10.30.0.13")
	if out := l.run("one", "busybox", "wget", "-qO-", "http://192.0.2.1:5000/v2/"); out != "{}" {
		t.Errorf("the registry says %q", out)
	}
	// The host's network leads elsewhere, if anywhere.
	if conn, err := net.DialTimeout("tcp", "10.20.0.11:6443", 200*time.Millisecond); err == nil {
		_ = conn.SetDeadline(time.Now().Add(200 * time.Millisecond))
		if line, _ := bufio.NewReader(conn).ReadString('\n'); line == "one\n" {
			t.Error("the host reaches into the network of the machines without the proxy")
		}
		_ = conn.Close()
	}
	if got := l.greeting("10.20.0.77:6443"); !strings.Contains(got, "no route to host") {
		t.Errorf("an address without a machine: %s", got)
	}
	if got := l.greeting("10.20.0.11:6444"); !strings.Contains(got, "refused") {
		t.Errorf("a port without a listener: %s", got)
	}
	for address, want := range map[string]string{"10.20.0.11": "one", "10.20.0.12": "two",
		"10.30.0.13": "three", "10.20.0.1": "", "10.20.0.99": ""} {
		if got := l.heldBy(address); got != want {
			t.Errorf("%s is held by %q, want %q", address, got, want)
		}
	}
}

func TestRealMachineProxy(t *testing.T) {
	l := newLab(t, options(t))
	l.PowerOn(l.vm("one", "10.20.0.11", "hostname one"+listening+joined))
	l.awaitPhase("one", guest.PhaseJoined)
	l.eventually("listener", func() bool { return l.greeting("10.20.0.11:6443") == "one" })

	dial := func(at string) (net.Conn, *bufio.Reader, *http.Response) {
		proxy, err := url.Parse(l.ProxyURL())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", proxy.Host)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, "CONNECT "+at+" HTTP/1.1\r\nHost: "+at+"\r\n\r\n")
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
		if err != nil {
			t.Fatal(err)
		}
		return conn, reader, response
	}
	conn, reader, response := dial("10.20.0.11:6443")
	defer conn.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	_, _ = io.WriteString(conn, "question")
	_ = conn.(*net.TCPConn).CloseWrite()
	if answer, err := io.ReadAll(reader); string(answer) != "one\nquestion" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	for at, want := range map[string]string{"10.20.0.11:1": "connection refused",
		"10.20.0.50:6443": "no route to host", "host.example:6443": "no such host"} {
		refused, _, response := dial(at)
		text, _ := io.ReadAll(response.Body)
		_ = refused.Close()
		if response.StatusCode != http.StatusBadGateway || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s %q", at, response.Status, text)
		}
	}
	// One that is open when the World ends, ends.
	conn, reader, _ = dial("10.20.0.11:6443")
	defer conn.Close()
	if _, err := reader.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := reader.ReadByte(); err == nil {
		t.Error("bytes from a World that is closed")
	}
}

// A virtual address moves as kube-vip moves it: added on another machine, which
// announces it by gratuitous ARP.
func TestRealMachineVirtualAddressMoves(t *testing.T) {
	l := newLab(t, options(t))
	const vip = "10.20.0.100"
	for name, address := range map[string]string{"one": "10.20.0.11", "two": "10.20.0.12", "three": "10.20.0.13"} {
		l.PowerOn(l.vm(name, address, "hostname "+name+listening+joined))
	}
	for _, name := range []string{"one", "two", "three"} {
		l.awaitPhase(name, guest.PhaseJoined)
	}
	take := func(name string) {
		l.run(name, "ip", "address", "add", vip+"/32", "dev", "eth0")
		l.run(name, "busybox", "arping", "-U", "-c", "1", "-I", "eth0", vip)
	}
	held := func(name string) {
		t.Helper()
		l.eventually(name+" has the virtual address", func() bool { return l.greeting(vip+":6443") == name })
		if got := l.heldBy(vip); got != name {
			t.Errorf("held by %q", got)
		}
		l.eventually("another machine notices", func() bool { return l.run("three", "/g", "ask", vip+":6443") == name })
	}
	take("one")
	held("one")
	l.run("one", "ip", "address", "delete", vip+"/32", "dev", "eth0")
	time.Sleep(1100 * time.Millisecond) // the kernel takes news of a neighbour once a second (locktime)
	take("two")
	moved := time.Now()
	held("two")
	t.Logf("the router followed within %s", time.Since(moved))
	l.PowerOff("vm-two")
	time.Sleep(1100 * time.Millisecond)
	take("one")
	moved = time.Now()
	held("one")
	t.Logf("the router followed a lost machine within %s", time.Since(moved))

	// Two that have the same address at once are both seen.
	take("three")
	if got := l.heldBy(vip); got != "one, three" {
		t.Errorf("held by %q", got)
	}
	duplicate := l.vm("four", "10.20.0.11", joined)
	duplicate.MAC = mac("10.20.0.14") // the address alone is double
	l.PowerOn(duplicate)
	l.awaitPhase("four", guest.PhaseJoined)
	if got := l.heldBy("10.20.0.11"); got != "four, one" {
		t.Errorf("held by %q", got)
	}
	// Duplicate address detection finds the other one.
	if _, err := l.Run(t.Context(), "four", "busybox", "arping", "-D", "-c", "2", "-w", "2", "-I", "eth0", "10.20.0.11"); err == nil {
		t.Error("arping -D found no other machine with the address")
	}
}

func TestRealMachineGateways(t *testing.T) {
	l := newLab(t, options(t))
	// Of a network whose addresses are known, the router has only its own.
	vm := l.vm("one", "10.20.0.11", joined)
	vm.Network = "known"
	vm.Segment = netip.MustParsePrefix("10.99.0.0/16")
	l.PowerOn(vm)
	l.awaitPhase("one", guest.PhaseJoined)
	if _, err := l.Run(t.Context(), "one", "busybox", "ping", "-c", "1", "-W", "1", "10.20.0.1"); err == nil {
		t.Error("a gateway outside of its network answers")
	}
	six := l.vm("six", "10.20.0.12", "")
	six.Network = "six"
	six.GuestInfo["guestinfo.metadata"] = `{"instance-id": "six", "local-hostname": "six", "wait-on-network": {"ipv6": true},
		"network": {"version": 2, "ethernets": {"nic0": {
		"match": {"macaddress": "` + six.MAC + `"}, "set-name": "eth0", "accept-ra": false, "addresses": ["2001:db8:1::11/64"],
		"routes": [{"to": "default", "via": "2001:db8:1::1"}]}}}}`
	six.GuestInfo["guestinfo.test.script"] = `set -e; hostname six; ip link set lo up; ip link set eth0 up
		ip address add 2001:db8:1::11/64 dev eth0 nodad; ip -6 route add default via 2001:db8:1::1` + listening + joined
	l.PowerOn(six)
	l.awaitPhase("six", guest.PhaseJoined)
	l.eventually("listener", func() bool { return l.greeting("[2001:db8:1::11]:6443") == "six" })
	if config := l.run("six", "cat", "/config.json"); !strings.Contains(config, `"http://[2001:db8:ffff::1]:5000"`) {
		t.Errorf("config %s", config)
	}
	if out := l.run("six", "busybox", "wget", "-qO-", "http://[2001:db8:ffff::1]:5000/v2/"); out != "{}" {
		t.Errorf("the registry says %q", out)
	}
	if got := l.heldBy("2001:db8:1::11"); got != "six" {
		t.Errorf("held by %q", got)
	}
}
