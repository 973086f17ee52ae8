package simulator_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func withControl(o *simulator.Options) { o.ControlListen = "127.0.0.1:0" }

func TestControl(t *testing.T) {
	t.Parallel()
	d := start(t, withControl, withLedger)
	c := simulator.NewControl(d.ControlURL())
	d.mustClone("n1", powerOn)
	d.must(c.PowerOffVM(d.ctx, "n1"))
	d.must(c.PowerOnVM(d.ctx, "n1"))
	d.must(c.HangVM(d.ctx, "n1"))
	d.must(c.RenameVM(d.ctx, "n1", "n2"))
	file, err := c.AttachDisk(d.ctx, "n2", 3)
	d.must(err)

	before, err := c.State(d.ctx)
	d.must(err)
	if before.Server != d.Server() || before.Calls.Total == 0 || before.Sessions.SOAP != 1 || len(before.Guests) != 1 ||
		len(before.Leftovers.VMs) != 1 || before.Leftovers.VMs[0] != "/dc-1/vm/k8s/n2" {
		t.Errorf("state %+v", before)
	}
	d.must(c.DeleteVM(d.ctx, "n2"))
	d.must(c.ResetCalls(d.ctx))
	d.must(c.AdvanceClock(d.ctx, time.Hour))
	d.must(c.DenyPrivilege(d.ctx, "", "Folder.Create"))
	d.must(c.AddFault(d.ctx, simulator.Fault{Kind: simulator.DelayCall, Delay: time.Millisecond, Times: -1}))
	d.must(c.SetFreeSpace(d.ctx, "shared-1", 0))
	d.must(c.StopAfter(d.ctx, 1))
	after, err := c.State(d.ctx)
	d.must(err)
	if !after.Stopped || after.Calls.Total != 0 || !after.Leftovers.Empty() || len(after.Faults) != 1 ||
		after.Now.Sub(before.Now) < time.Hour || len(after.DestroyedForeignDisks) != 1 || after.DestroyedForeignDisks[0] != file {
		t.Errorf("state %+v", after)
	}
	if d.ping() == nil {
		t.Error("a call was answered")
	}
	d.must(c.Resume(d.ctx))
	d.must(c.ClearFaults(d.ctx))
	if _, err := d.folder("k8s").CreateFolder(d.ctx, "c1"); err == nil {
		t.Error("a denied privilege works")
	}
	if _, err := d.clone("n3"); err == nil {
		t.Error("a clone fits on a full datastore")
	}
	d.must(c.RestorePrivileges(d.ctx))
	d.must(c.SetLatency(d.ctx, time.Millisecond))
	d.must(c.SetTaskDuration(d.ctx, time.Millisecond))
	d.must(c.ForgetTasks(d.ctx))
	d.must(c.Restart(d.ctx))
	if d.ping() == nil {
		t.Error("the session survived a restart")
	}

	if err := c.DeleteVM(d.ctx, "n2"); err == nil || !strings.Contains(err.Error(), `no virtual machine "n2"`) {
		t.Errorf("delete of a machine that is gone: %v", err)
	}
	if err := c.HideTag(d.ctx, "urn:none"); err == nil {
		t.Error("a tag that does not exist was hidden")
	}
	d.must(c.ExpireSessions(d.ctx))
	select {
	case <-d.Done():
		t.Error("it was not asked to stop")
	default:
	}
	d.must(c.Shutdown(d.ctx))
	<-d.Done()
}

func TestCertificateIsSignedByTheAuthority(t *testing.T) {
	t.Parallel()
	d := start(t)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(d.CACertificate())) {
		t.Fatal("no certificate")
	}
	_, port, _ := strings.Cut(d.Server(), ":")
	for _, host := range []string{"127.0.0.1", "localhost"} {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: tlsConfig(pool)}, Timeout: 10 * time.Second}
		res, err := client.Get("https://" + host + ":" + port + "/sdk/vimServiceVersions.xml")
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		_ = res.Body.Close()
	}
	strict := http.Client{Timeout: 10 * time.Second}
	if res, err := strict.Get("https://" + d.Server() + "/sdk/vimServiceVersions.xml"); err == nil {
		_ = res.Body.Close()
		t.Error("a client that does not know the authority trusts it")
	}
}

func TestSeveralSimulatorsAtOnce(t *testing.T) {
	t.Parallel()
	ids := make([]string, 3)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			sim, err := simulator.Start(simulator.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = sim.InstanceUUID()
			if err := sim.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ids[0] == ids[1] || ids[1] == ids[2] || ids[0] == "" {
		t.Errorf("instance uuids %v", ids)
	}
}

func tlsConfig(roots *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: roots} }
