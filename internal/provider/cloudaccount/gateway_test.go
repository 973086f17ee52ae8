package cloudaccount_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// gatewayRef refers to the gateway of the tests.
var gatewayRef = record.Ref{Kind: record.KindGateway, Name: "dc1"}

// ofGateway is an account of the gateway.
func ofGateway(env *acctest.Environment, more string) string {
	return config(env, login(user, password)+"\n  gateway_id = \""+env.Ledger().ID(gatewayRef).String()+"\"\n"+more)
}

// setGateway writes the record of the gateway, as a run of it left it.
func setGateway(t *testing.T, env *acctest.Environment, change func(*record.Cluster)) {
	t.Helper()
	l := env.Ledger()
	body := record.Cluster{ID: l.ID(gatewayRef), Kind: record.KindGateway, APIReached: true, CreationComplete: true}
	if change != nil {
		change(&body)
	}
	r, err := ledger.NewRecord(gatewayRef, body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Record(t.Context(), body.ID); err == nil {
		err = l.UpdateRecord(t.Context(), body.ID, r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if _, err := l.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// TestAccAccountOfAGateway creates an account through a gateway in each of its states, and
// changes it while the gateway is Failed.
func TestAccAccountOfAGateway(t *testing.T) {
	t.Parallel()
	env := start(t)
	refused := func(state func(*record.Cluster), words string) resource.TestStep {
		return resource.TestStep{
			PreConfig: func() { setGateway(t, env, state) }, Config: ofGateway(env, ""), ExpectError: acctest.Words(words),
		}
	}
	release := func() {}
	failed := func(b *record.Cluster) { b.APIReached, b.CreationComplete = false, false }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		Steps: []resource.TestStep{
			{Config: ofGateway(env, ""), ExpectError: acctest.Words("No gateway with the id " + env.Ledger().ID(gatewayRef).String())},
			refused(failed, "The gateway is Failed"),
			refused(func(b *record.Cluster) { b.Deleting = true }, "The gateway is being deleted"),
			refused(func(b *record.Cluster) { b.NeverRan = true }, "The gateway has never been Running"),
			{
				PreConfig: func() {
					setGateway(t, env, func(b *record.Cluster) { b.Degraded = true })
					release = lock(t, env, env.Ledger().ID(gatewayRef))
				},
				Config:      ofGateway(env, "  timeouts = { create = \"1s\" }"),
				ExpectError: acctest.Words("laptop pid 42"),
			},
			{
				// The other run ends while the creation waits; what is Degraded is a warning.
				PreConfig: func() { time.AfterFunc(time.Second, release) },
				Config:    ofGateway(env, ""),
			},
			{
				PreConfig: func() { setGateway(t, env, failed) },
				Config:    config(env, login(other, rotated)+"\n  gateway_id = \""+env.Ledger().ID(gatewayRef).String()+"\""),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(account, plancheck.ResourceActionUpdate),
				}},
			},
		},
	})
}

// lock has another run work on what has the record, and returns how it ends.
func lock(t *testing.T, env *acctest.Environment, id uuid.UUID) func() {
	t.Helper()
	lease, err := env.Ledger().Lock(t.Context(), id, "laptop pid 42")
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = lease.Release(t.Context()) }
}
