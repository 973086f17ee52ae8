package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

const teamUser, teamPassword = "team-a@vsphere.local", "first-Secret1!"

// teamEngine builds as a cloud account.
func (w *world) teamEngine() *engine.Engine {
	w.t.Helper()
	e := w.engine()
	sessions := &vsphere.Sessions{}
	w.t.Cleanup(func() { _ = sessions.LogoutAll(w.t.Context()) })
	vc, err := sessions.Get(w.t.Context(), vsphere.Config{
		Server: w.sim.Server(), Username: teamUser, Password: teamPassword, CACertificate: w.sim.CACertificate(),
	})
	w.must(err)
	e.Builder, e.User = vc, teamUser
	return e
}

// grantRoles gives the account its roles as the guide has it, less some privileges.
func (w *world) grantRoles(less ...string) {
	w.t.Helper()
	w.sim.RestorePrivileges()
	ids := func(role privileges.Role) []string {
		return slices.DeleteFunc(privileges.Granted(role, "8.0"), func(id string) bool { return slices.Contains(less, id) })
	}
	w.must(w.sim.Grant(teamUser, ids(privileges.RootLevel), false, "/", "/dc-1"))
	w.must(w.sim.Grant(teamUser, nil, false, "/dc-1/vm", "/dc-1/host", "/dc-1/datastore", "/dc-1/network"))
	w.must(w.sim.Grant(teamUser, ids(privileges.ClusterLevel), true, "/dc-1/vm/k8s", "/dc-1/vm/templates",
		"/dc-1/host/cluster-a", "/dc-1/host/cluster-b", "/dc-1/datastore/shared-1", "/dc-1/network/dvpg-nodes"))
}

// TestRolesOfAnAccountAreEnough creates, rolls, moves and destroys a cluster as an account
// that has its two roles and nothing else.
func TestRolesOfAnAccountAreEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Users: map[string]string{teamUser: teamPassword}})
	w.grantRoles()
	e := w.teamEngine()
	spec, secrets := w.spec(1, 1), newSecrets(t)
	planned, err := e.PlanCreation(t.Context(), spec, unknownFormer)
	w.must(err)
	for _, warning := range planned.Warnings {
		if strings.HasPrefix(warning.Summary, "Privileges") {
			t.Errorf("with both roles: %s", warning)
		}
	}
	apply := func(what string) {
		t.Helper()
		out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Parents: []uuid.UUID{w.pool}})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		spec = kept(spec, out)
	}
	apply("create")
	spec.Workers[0].CPU = 4
	spec.Folder = "k8s/moved"
	spec.Description = "rolled"
	apply("roll")
	w.must(e.Destroy(t.Context(), spec.Target()))
}

// TestPlanWarnsOfMissingPrivileges plans as an account that lacks some, and not as the
// provider, which has them all.
func TestPlanWarnsOfMissingPrivileges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Users: map[string]string{teamUser: teamPassword}})
	w.grantRoles("VirtualMachine.Interact.PowerOn", "Datastore.AllocateSpace", "VirtualMachine.Hbr.MonitorReplication")
	e := w.engine()
	e.User = teamUser // which has not logged in
	missing := func() (summaries []string) {
		t.Helper()
		p, err := e.PlanCreation(t.Context(), w.spec(1, 1), unknownFormer)
		w.must(err)
		for _, warning := range p.Warnings {
			if name, ok := strings.CutPrefix(warning.Summary, "Privileges are missing on "); ok {
				summaries = append(summaries, name)
			}
		}
		return summaries
	}
	if got := missing(); !slices.Equal(got, []string{`folder "k8s"`, `datastore "shared-1"`}) {
		t.Errorf("warned of %q", got)
	}
	e.User = ""
	if got := missing(); len(got) > 0 {
		t.Errorf("the provider's user lacks privileges on %q", got)
	}
}
