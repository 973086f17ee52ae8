package simulator_test

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func (d *datacenter) fault(f simulator.Fault) {
	d.Helper()
	d.must(d.AddFault(f))
}

func (d *datacenter) ping() error {
	_, err := methods.GetCurrentTime(d.ctx, d.client.Client)
	return err
}

func TestCallsAreCounted(t *testing.T) {
	t.Parallel()
	d := start(t)
	m := d.tagManager()
	d.ResetCalls()
	d.must(d.ping())
	d.must(d.ping())
	ids, err := m.ListTags(d.ctx)
	d.must(err)
	_, err = m.GetTag(d.ctx, ids[0])
	d.must(err)
	_, err = m.ListTagsForCategory(d.ctx, mustGet(m.GetTag(d.ctx, ids[0])).CategoryID)
	d.must(err)
	calls := d.Calls()
	if calls.SOAP["CurrentTime"] != 2 || calls.REST["GET tag"] != 1 || calls.REST["GET tag/id"] != 2 ||
		calls.REST["POST tag/id?list-tags-for-category"] != 1 || calls.Total != 6 {
		t.Errorf("calls %+v", calls)
	}
}

func mustGet[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestCallIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.fault(simulator.Fault{
		Kind:  simulator.RefuseCall,
		Call:  "CurrentTime",
		Nth:   2,
		Times: 2,
		Fault: "HostCommunication",
	})
	for i, refused := range []bool{false, true, true, false} {
		if err := d.ping(); isFault[types.HostCommunication](err) != refused || (err != nil) != refused {
			t.Errorf("call %d: %v", i+1, err)
		}
	}
	d.fault(simulator.Fault{Kind: simulator.RefuseCall, Call: "CurrentTime", Fault: "NoPermission", Privilege: "System.View"})
	err := d.ping()
	if !isFault[types.NoPermission](err) || soap.ToSoapFault(err).VimFault().(types.NoPermission).PrivilegeId != "System.View" {
		t.Errorf("privilege: %v", err)
	}
	m := d.tagManager()
	d.fault(simulator.Fault{Kind: simulator.RefuseCall, Call: "GET tag", Fault: "service_unavailable"})
	if _, err := m.ListTags(d.ctx); !rest.IsStatusError(err, http.StatusServiceUnavailable) {
		t.Errorf("REST: %v", err)
	}
	if _, err := m.ListTags(d.ctx); err != nil {
		t.Errorf("REST, the second time: %v", err)
	}
	if err := d.AddFault(simulator.Fault{Kind: simulator.RefuseCall, Fault: "NoSuchFault"}); err == nil {
		t.Error("a fault that does not exist is a rule")
	}
}

func TestTaskFails(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.fault(simulator.Fault{Kind: simulator.FailTask, Call: "CloneVM_Task", Nth: 2, Fault: "NoDiskSpace"})
	d.mustClone("a")
	if _, err := d.clone("b"); !isFault[types.NoDiskSpace](err) {
		t.Errorf("second clone: %v", err)
	}
	d.mustClone("c")
	if left := d.Leftovers().VMs; len(left) != 2 {
		t.Errorf("machines %v", left)
	}
}

func TestConnectionIsDropped(t *testing.T) {
	t.Parallel()
	d := start(t)
	folder := d.folder("k8s")
	d.fault(simulator.Fault{Kind: simulator.DropBefore, Call: "CreateFolder"})
	if _, err := folder.CreateFolder(d.ctx, "c1"); err == nil || soap.IsSoapFault(err) {
		t.Errorf("dropped before: %v", err)
	}
	if left := d.Leftovers(); !left.Empty() {
		t.Errorf("it was done: %+v", left)
	}
	d.fault(simulator.Fault{Kind: simulator.DropAfter, Call: "CreateFolder"})
	if _, err := folder.CreateFolder(d.ctx, "c1"); err == nil || soap.IsSoapFault(err) {
		t.Errorf("dropped after: %v", err)
	}
	if left := d.Leftovers(); len(left.Folders) != 1 || left.Folders[0] != "/dc-1/vm/k8s/c1" {
		t.Errorf("it was not done: %+v", left)
	}
	d.fault(simulator.Fault{Kind: simulator.DropAfter, Nth: 2})
	d.must(d.ping())
	if err := d.ping(); err == nil {
		t.Error("the second call of any kind was answered")
	}
}

func TestStopAfter(t *testing.T) {
	t.Parallel()
	d := start(t)
	proxy, err := url.Parse(d.ProxyURL())
	d.must(err)
	open, err := net.Dial("tcp", proxy.Host)
	d.must(err)
	defer open.Close()
	d.must(open.SetDeadline(time.Now().Add(2 * time.Minute)))
	_, err = open.Write([]byte("CONNECT 10.10.183.1:6443 HTTP/1.1\r\n"))
	d.must(err)
	d.StopAfter(3)
	d.must(d.ping())
	d.must(d.ping())
	if !d.Stopped() {
		t.Error("the next call would pass")
	}
	if d.ping() == nil {
		t.Error("the third call was answered")
	}
	if _, err := open.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an open connection to the guest network was kept: %v", err)
	}
	for range 3 {
		if err := d.ping(); err == nil || soap.IsSoapFault(err) {
			t.Errorf("a call was answered: %v", err)
		}
	}
	if _, err := govmomi.NewClient(d.ctx, d.url(d.Username(), d.Password()), true); err == nil {
		t.Error("a login was answered")
	}
	conn, err := net.Dial("tcp", proxy.Host)
	d.must(err)
	defer conn.Close()
	d.must(conn.SetDeadline(time.Now().Add(2 * time.Minute)))
	_, _ = conn.Write([]byte("CONNECT 10.10.183.1:6443 HTTP/1.1\r\nHost: 10.10.183.1:6443\r\n\r\n"))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("the proxy answered")
	}
	d.Resume()
	d.must(d.ping())
}

func TestProxyAnswers(t *testing.T) {
	t.Parallel()
	d := start(t)
	proxy, err := url.Parse(d.ProxyURL())
	d.must(err)
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}, Timeout: 10 * time.Second}
	_, err = client.Get("https://10.10.183.1:6443/readyz")
	var op *net.OpError
	if err == nil || errors.As(err, &op) && op.Op == "dial" {
		t.Errorf("want the proxy to report a free address: %v", err)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.SetLatency(120 * time.Millisecond)
	began := time.Now()
	d.must(d.ping())
	if took := time.Since(began); took < 120*time.Millisecond {
		t.Errorf("took %s", took)
	}
	d.SetLatency(0)
	d.fault(simulator.Fault{Kind: simulator.DelayCall, Call: "CurrentTime", Delay: 120 * time.Millisecond})
	began = time.Now()
	d.must(d.ping())
	if took := time.Since(began); took < 120*time.Millisecond {
		t.Errorf("took %s", took)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	d := start(t, func(o *simulator.Options) { o.Users = map[string]string{"team-a@vsphere.local": "secret-a"} })
	if _, err := govmomi.NewClient(d.ctx, d.url(d.Username(), "wrong"), true); !isFault[types.InvalidLogin](err) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := govmomi.NewClient(d.ctx, d.url("unknown@vsphere.local", d.Password()), true); !isFault[types.InvalidLogin](err) {
		t.Errorf("unknown user: %v", err)
	}
	second := d.login("team-a@vsphere.local", "secret-a")
	m := d.tagManager()
	if got := d.Sessions(); got.SOAP != 2 || got.REST != 1 {
		t.Errorf("sessions %+v", got)
	}
	d.must(second.Logout(d.ctx))
	d.Restart()
	if got := d.Sessions(); got.SOAP != 0 || got.REST != 0 {
		t.Errorf("sessions after a restart %+v", got)
	}
	if err := d.ping(); !isFault[types.NotAuthenticated](err) {
		t.Errorf("call of a session that is gone: %v", err)
	}
	if _, err := m.ListTags(d.ctx); !rest.IsStatusError(err, http.StatusUnauthorized) {
		t.Errorf("REST call of a session that is gone: %v", err)
	}
	d.must(d.client.Login(d.ctx, url.UserPassword(d.Username(), d.Password())))
	d.must(d.ping())
	if got := d.Sessions().SOAP; got != 1 {
		t.Errorf("%d sessions after the new login", got)
	}
}

func TestClockMoves(t *testing.T) {
	t.Parallel()
	d := start(t)
	before := mustGet(methods.GetCurrentTime(d.ctx, d.client.Client))
	d.AdvanceClock(2 * time.Hour)
	after := mustGet(methods.GetCurrentTime(d.ctx, d.client.Client))
	if moved := after.Sub(*before); moved < 2*time.Hour || moved > 2*time.Hour+time.Minute {
		t.Errorf("the clock moved by %s", moved)
	}
}

func TestPrivilegeIsDenied(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.DenyPrivilege("", "Folder.Create")
	d.DenyPrivilege(d.Username(), "Resource.AssignVMToPool")
	d.DenyPrivilege("other-account", "VirtualMachine.Interact.PowerOn")
	d.DenyPrivilege("", "InventoryService.Tagging.CreateTag")
	if _, err := d.folder("k8s").CreateFolder(d.ctx, "c1"); !isFault[types.NoPermission](err) {
		t.Errorf("folder: %v", err)
	}
	if _, err := d.clone("n1"); !isFault[types.NoPermission](err) {
		t.Errorf("clone: %v", err)
	}
	m := d.tagManager()
	if _, err := m.CreateTag(d.ctx, &tags.Tag{Name: "a", CategoryID: "urn:x"}); !rest.IsStatusError(err, http.StatusForbidden) {
		t.Errorf("tag: %v", err)
	}
	req := types.FetchUserPrivilegeOnEntities{
		This: *d.client.ServiceContent.AuthorizationManager, UserName: d.Username(),
		Entities: []types.ManagedObjectReference{d.folder("k8s").Reference()},
	}
	res, err := methods.FetchUserPrivilegeOnEntities(d.ctx, d.client.Client, &req)
	d.must(err)
	granted := map[string]bool{}
	for _, id := range res.Returnval[0].Privileges {
		granted[id] = true
	}
	if granted["Folder.Create"] || granted["Resource.AssignVMToPool"] || !granted["VirtualMachine.Interact.PowerOn"] {
		t.Error("the list of privileges does not agree with what is refused")
	}
	for _, id := range []string{"InventoryService.Tagging.EditTag", "Cns.Searchable",
		"StorageProfile.View", "Sessions.ValidateSession", "Host.Inventory.EditCluster"} {
		if !granted[id] {
			t.Errorf("%s is not granted", id)
		}
	}
	d.RestorePrivileges()
	d.mustClone("n1")
}
