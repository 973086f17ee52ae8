package vsphere_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

func TestConcurrentCallersShareOneSession(t *testing.T) {
	t.Parallel()
	v := startOnly(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			c := v.config()
			if i%2 == 0 {
				c.Server = "https://" + strings.ToUpper(c.Server) + "/sdk"
			}
			client, err := v.pool.Get(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := client.Datacenters(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := vsphere.NewTagStore(client).List(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := v.Sessions(); got != (simulator.Sessions{SOAP: 1, REST: 1}) {
		t.Fatalf("%+v sessions are open, want one of each", got)
	}
	if n := v.Calls().SOAP["Login"]; n != 1 {
		t.Fatalf("%d logins, want 1", n)
	}
	if err := v.pool.LogoutAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := v.Sessions(); got != (simulator.Sessions{}) {
		t.Fatalf("%+v sessions are left", got)
	}
}

// TestNoSessionIsOpenedAfterTheLogout has a call under way when its process ends: vCenter says that
// the session is gone, and no other one is opened, which nothing would end.
func TestNoSessionIsOpenedAfterTheLogout(t *testing.T) {
	t.Parallel()
	v := start(t)
	client := v.client
	if err := v.pool.LogoutAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := client.RenewSession(t.Context()); err == nil {
		t.Error("the call goes on in another session")
	}
	if got := v.Sessions(); got != (simulator.Sessions{}) {
		t.Errorf("%+v sessions are left", got)
	}
}

func TestRESTSessionIsOpenedWhenItIsNeeded(t *testing.T) {
	t.Parallel()
	v := start(t)
	if got := v.Sessions(); got != (simulator.Sessions{SOAP: 1}) {
		t.Fatalf("%+v sessions are open, want SOAP alone", got)
	}
	if c := v.Calls(); c.Total != 2 {
		t.Fatalf("connecting took %d calls: %+v", c.Total, c)
	}
	id, err := v.client.InstanceUUID(t.Context())
	if err != nil || id != v.InstanceUUID() {
		t.Fatalf("instance UUID %q, %v", id, err)
	}
	if v.client.Version() != simulator.DefaultVersion {
		t.Fatalf("version %q", v.client.Version())
	}
	if c := v.Calls(); c.Total != 2 {
		t.Fatalf("about took calls: %+v", c)
	}
}

func TestBadPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	v := startOnly(t)
	c := v.config()
	c.Password = "wrong-secret"
	for range 3 {
		_, err := v.pool.Get(t.Context(), c)
		if !errors.Is(err, vsphere.ErrLogin) {
			t.Fatalf("error %v, want ErrLogin", err)
		}
		if model.Transient(err) || strings.Contains(err.Error(), c.Password) {
			t.Fatalf("error %v", err)
		}
	}
	if n := v.Calls().SOAP["Login"]; n != 1 {
		t.Fatalf("%d logins with a bad password, want 1", n)
	}
	// The right password is another Config and works.
	if _, err := v.pool.Get(t.Context(), v.config()); err != nil {
		t.Fatal(err)
	}
}

func TestExpiredSessionsAreRenewedOnce(t *testing.T) {
	t.Parallel()
	v := start(t)
	store := vsphere.NewTagStore(v.client)
	if _, err := store.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.ExpireSessions()
	v.ResetCalls()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := v.client.Datacenters(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := store.Now(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := store.List(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	calls := v.Calls()
	if calls.SOAP["Login"] != 1 || calls.REST["POST session"] != 1 {
		t.Fatalf("logins after expiry: %+v", calls)
	}
	if got := v.Sessions(); got != (simulator.Sessions{SOAP: 1, REST: 1}) {
		t.Fatalf("%+v sessions are open", got)
	}
}

func TestVCenterThatIsAwayIsTransient(t *testing.T) {
	t.Parallel()
	v := start(t)
	store := vsphere.NewTagStore(v.client)
	v.StopAfter(1)
	_, err := v.client.Datacenters(t.Context())
	if !model.Transient(err) {
		t.Fatalf("SOAP: %v is not transient", err)
	}
	if _, err = store.List(t.Context()); !model.Transient(err) {
		t.Fatalf("REST: %v is not transient", err)
	}
	if _, err = (&vsphere.Sessions{}).Get(t.Context(), v.config()); !model.Transient(err) {
		t.Fatalf("login: %v is not transient", err)
	}
	v.Resume()
	v.Restart()
	if _, err := v.client.Datacenters(t.Context()); err != nil {
		t.Fatalf("after the restart: %v", err)
	}
	if _, err := store.List(t.Context()); err != nil {
		t.Fatalf("after the restart: %v", err)
	}
}

func TestClosedServerIsTransient(t *testing.T) {
	t.Parallel()
	v := start(t)
	_ = v.Close()
	_, err := v.client.Datacenters(t.Context())
	if !model.Transient(err) || !strings.Contains(err.Error(), v.Server()) {
		t.Fatalf("error %v", err)
	}
}

func TestCancelledCallIsNotTransient(t *testing.T) {
	t.Parallel()
	v := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.client.Datacenters(ctx)
	if model.Transient(err) || !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if _, err = vsphere.NewTagStore(v.client).List(ctx); model.Transient(err) || !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
}

func TestUntrustedCertificateNamesTheRemedy(t *testing.T) {
	t.Parallel()
	v := startOnly(t)
	c := v.config()
	c.CACertificate = ""
	_, err := v.pool.Get(t.Context(), c)
	var cert *vsphere.CertificateError
	if !errors.As(err, &cert) || model.Transient(err) {
		t.Fatalf("error %v", err)
	}
	if cert.Subject == "" || cert.Issuer == "" || !strings.Contains(err.Error(), "ca_certificate") {
		t.Fatalf("error %v does not help", err)
	}
	c.InsecureSkipVerify = true
	if _, err := v.pool.Get(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c.CACertificate = "no PEM"
	if _, err := v.pool.Get(t.Context(), c); err == nil || !strings.Contains(err.Error(), "ca_certificate") {
		t.Fatalf("error %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]vsphere.Config{
		"no server":        {Username: "u", Password: "p"},
		"no password":      {Server: "vc", Username: "u"},
		"plain http":       {Server: "http://vc", Username: "u", Password: "p"},
		"credentials":      {Server: "https://root:hidden-secret@vc", Username: "u", Password: "p"},
		"a path":           {Server: "vc/some/where", Username: "u", Password: "p"},
		"not to be parsed": {Server: "https://root:hidden-secret@[", Username: "u", Password: "p"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := (&vsphere.Sessions{}).Get(t.Context(), c)
			if err == nil || strings.Contains(err.Error(), "hidden-secret") {
				t.Fatalf("error %v", err)
			}
		})
	}
}

// TestReadIsSentAgain loses one call of each kind of read, or the answer to it,
// which no caller sees. A change is sent once: TestLostResponsesAreTransient.
func TestReadIsSentAgain(t *testing.T) {
	t.Parallel()
	v := start(t)
	store := vsphere.NewTagStore(v.client)
	tag := ledger.Tag{ID: uuid.New(), Name: "t", Description: "d"}
	v.must(store.Create(t.Context(), tag))
	for call, read := range map[string]func() error{
		"RetrievePropertiesEx":               func() error { _, err := v.client.Datacenters(t.Context()); return err },
		"CurrentTime":                        func() error { _, err := store.Now(t.Context()); return err },
		"RetrieveServiceContent":             v.connects,
		"Login":                              v.connects,
		"GET tag/id":                         func() error { _, err := store.Get(t.Context(), tag.ID); return err },
		"POST tag/id?list-tags-for-category": func() error { _, err := store.List(t.Context()); return err },
		"POST session": func() error {
			v.ExpireSessions()
			_, err := store.List(t.Context())
			return err
		},
	} {
		for _, kind := range []simulator.FaultKind{simulator.DropBefore, simulator.DropAfter} {
			v.must(v.AddFault(simulator.Fault{Kind: kind, Call: call}))
			if err := read(); err != nil {
				t.Errorf("%s, %s: %v", call, kind, err)
			}
			if left := v.Faults(); len(left) > 0 {
				t.Errorf("%s was not called", call)
				v.ClearFaults()
			}
		}
	}
}

// connects opens sessions of its own.
func (v *vcenter) connects() error {
	pool := &vsphere.Sessions{}
	_, err := pool.Get(v.t.Context(), v.config())
	return errors.Join(err, pool.LogoutAll(v.t.Context()))
}
