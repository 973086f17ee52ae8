package vsphere_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// A session that vCenter refuses although it was opened a moment ago is an error that
// says so: no loop, and no login with each further call.
func TestSessionThatKeepsEndingIsNoLoop(t *testing.T) {
	t.Parallel()
	v := start(t)
	store := vsphere.NewTagStore(v.client)
	_, err := store.List(t.Context())
	v.must(err)
	for _, call := range []string{"CurrentTime", "GET tag/id"} {
		v.must(v.AddFault(simulator.Fault{Kind: simulator.RefuseCall, Call: call, Fault: refusals[call], Times: -1}))
	}
	v.ResetCalls()
	for range 5 {
		_, err := store.Now(t.Context())
		if err == nil || model.Transient(err) || !strings.Contains(err.Error(), "does not know a session that it has just opened") {
			t.Fatalf("SOAP: %v", err)
		}
		_, err = store.Get(t.Context(), uuid.New())
		if err == nil || model.Transient(err) || errors.Is(err, vsphere.ErrLogin) ||
			!strings.Contains(err.Error(), "refuses a session that it has just opened") || !strings.Contains(err.Error(), "unauthenticated") {
			t.Fatalf("REST: %v", err)
		}
	}
	if c := v.Calls(); c.SOAP["CurrentTime"] > 7 || c.SOAP["Login"] > 2 || c.REST["GET tag/id"] > 7 || c.REST["POST session"] > 2 {
		t.Errorf("calls %+v, want two logins each at most", c)
	}
	v.ClearFaults()
	if _, err := store.Now(t.Context()); err != nil {
		t.Errorf("SOAP, accepted again: %v", err)
	}
	if _, err := store.Get(t.Context(), uuid.New()); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("REST, accepted again: %v", err)
	}
	v.ExpireSessions()
	if _, err := store.Now(t.Context()); err != nil {
		t.Errorf("SOAP, expired: %v", err)
	}
	if _, err := store.Get(t.Context(), uuid.New()); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("REST, expired: %v", err)
	}
}

// refusals are what vCenter responds with where it does not know a session.
var refusals = map[string]string{"CurrentTime": "NotAuthenticated", "GET tag/id": "unauthenticated"}

// The REST API refuses a login that the SOAP API has accepted: it is tried once, and
// not called a wrong password.
func TestRefusedRESTLogin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ fault, says string }{
		"by vCenter": {"unauthenticated", "which the SOAP API has accepted"},
		"by a proxy": {"proxy_authentication", "not vCenter's own"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := start(t)
			v.must(v.AddFault(simulator.Fault{Kind: simulator.RefuseCall, Call: "POST session", Fault: c.fault, Times: -1}))
			store := vsphere.NewTagStore(v.client)
			for range 3 {
				_, err := store.List(t.Context())
				if !errors.Is(err, vsphere.ErrLogin) || model.Transient(err) || !strings.Contains(err.Error(), c.says) ||
					strings.Contains(err.Error(), v.Password()) {
					t.Fatalf("error %v", err)
				}
			}
			if n := v.Calls().REST["POST session"]; n != 1 {
				t.Errorf("%d logins, want 1", n)
			}
		})
	}
}

// Something between the provider and vCenter answers the calls, though not the login.
func TestRESTCallsThatAProxyRefuses(t *testing.T) {
	t.Parallel()
	v := start(t)
	store := vsphere.NewTagStore(v.client)
	v.must(v.AddFault(simulator.Fault{Kind: simulator.RefuseCall, Call: "GET tag/id", Fault: "proxy_authentication", Times: -1}))
	_, err := store.List(t.Context())
	if err == nil || model.Transient(err) || !strings.Contains(err.Error(), "not vCenter's own") {
		t.Fatalf("error %v", err)
	}
}
