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
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// client takes a lease as an image does, by a name, and reports it.
const client = `set -e; ip link set lo up; ip link set eth0 up; hostname NAME
cat >/lease <<'SCRIPT'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route add default via "$router"
echo "nameserver $dns" >/resolv
/g set test.lease "$ip/$mask via $router dns $dns in $domain"
SCRIPT
chmod +x /lease
busybox udhcpc -i eth0 -n -q -t 10 -T 1 -x hostname:NAME -s /lease
`

// leasing is a VM that takes a lease by its card.
func (l *lab) leasing(name, card, script string) guest.VM {
	vm := l.vm(name, "10.20.0.11", "")
	vm.MAC = card
	vm.Segment = netip.MustParsePrefix("10.20.0.0/22")
	vm.GuestInfo["guestinfo.metadata"] = `{"instance-id": "` + name + `", "local-hostname": "` + name + `",
		"wait-on-network": {"ipv4": true}, "network": {"version": 2, "ethernets": {"nic0": {
		"match": {"macaddress": "` + card + `"}, "set-name": "eth0", "accept-ra": false, "dhcp4": true, "dhcp-identifier": "mac"}}}}`
	vm.GuestInfo["guestinfo.test.script"] = strings.ReplaceAll(client, "NAME", name) + script
	return vm
}

func (l *lab) lease(name string) string {
	l.t.Helper()
	l.eventually(name+" has a lease", func() bool { return l.reported(name, "test.lease") != "" })
	lease := l.reported(name, "test.lease")
	address, rest, _ := strings.Cut(lease, "/")
	if rest != "22 via 10.20.0.1 dns 10.20.0.1 in machines.test" {
		l.t.Errorf("the lease of %s is %s", name, lease)
	}
	return address
}

func (l *lab) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.guestinfo, name)
}

// dnsmasq gives each card a lease of its own, the same again to the same card, also in
// another machine, and knows its name, which the proxy resolves, too.
func TestRealMachineLeases(t *testing.T) {
	l := newLab(t, options(t))
	one := l.leasing("one", "00:50:56:00:00:11", listening+joined)
	l.PowerOn(one)
	l.PowerOn(l.leasing("two", "00:50:56:00:00:12", joined))
	first, second := l.lease("one"), l.lease("two")
	if within := netip.MustParsePrefix("10.20.3.0/24"); first == second || !within.Contains(netip.MustParseAddr(first)) {
		t.Errorf("leases %s and %s", first, second)
	}
	l.eventually("listener", func() bool { return l.greeting(first+":6443") == "one" })
	if out := l.run("two", "busybox", "nslookup", "-type=a", "one.machines.test", "10.20.0.1"); !strings.Contains(out, first) {
		t.Errorf("its name leads to %s, want %s", out, first)
	}
	if got := l.throughProxy("one.machines.test:6443"); got != "one" {
		t.Errorf("by its name the proxy leads to %q", got)
	}
	l.PowerOff(one.ID)
	l.forget("one")
	l.PowerOn(one)
	if again := l.lease("one"); again != first {
		t.Errorf("after a power cycle the lease is %s and not %s", again, first)
	}
	l.PowerOff(one.ID)
	l.Destroyed(one.ID)
	l.PowerOn(l.leasing("three", "00:50:56:00:00:11", joined))
	if third := l.lease("three"); third != first {
		t.Errorf("the lease of the card in another machine is %s and not %s", third, first)
	}
}

// throughProxy connects by a name, as clients outside do.
func (l *lab) throughProxy(at string) string {
	l.t.Helper()
	proxy, err := url.Parse(l.ProxyURL())
	if err != nil {
		l.t.Fatal(err)
	}
	conn, err := net.Dial("tcp", proxy.Host)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "CONNECT "+at+" HTTP/1.1\r\nHost: "+at+"\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil || response.StatusCode != http.StatusOK {
		return response.Status
	}
	line, _ := reader.ReadString('\n')
	return strings.TrimSpace(line)
}

// What vCenter's configuration has of a key by now is what a machine reads, unless it has set
// the key itself.
func TestRealMachineReadsGuestinfoAsItIs(t *testing.T) {
	l := newLab(t, options(t))
	var value atomic.Value
	value.Store("before")
	vm := l.vm("one", "10.20.0.11", joined)
	script := vm.GuestInfo["guestinfo.test.script"]
	vm.Read = func(key string) string {
		if key == "guestinfo.test.script" {
			return script
		}
		return value.Load().(string)
	}
	l.PowerOn(vm)
	l.awaitPhase("one", guest.PhaseJoined)
	for _, want := range []string{"before", "after"} {
		value.Store(want)
		if got := l.run("one", "/g", "get", "test.value"); got != want {
			t.Errorf("it reads %q and not %q", got, want)
		}
	}
	l.run("one", "/g", "set", "test.value", "its own")
	if got := l.run("one", "/g", "get", "test.value"); got != "its own" {
		t.Errorf("it reads %q and not its own", got)
	}
}
