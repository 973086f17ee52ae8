package vmwarecluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const team = "team-a@vsphere.local"

// asTeam is a cluster of one node, and as many workers, whose account has the password in
// its state.
func asTeam(e *acctest.Environment, workers int, password string) string {
	return strings.Replace(config(e, shape{controlPlane: 1, workers: workers}),
		fmt.Sprintf("username       = %q\n  password       = %q\n  ca_certificate", e.Username(), e.Password()),
		fmt.Sprintf("username       = %q\n  password       = %q\n  ca_certificate", team, password), 1)
}

// withWriteOnly is the same with the password in no state, as a workspace has it that takes
// the account from a data source.
func withWriteOnly(e *acctest.Environment, workers int, password string, version int) string {
	out := strings.Replace(asTeam(e, workers, password), fmt.Sprintf("password       = %q", password),
		fmt.Sprintf("password_wo = %q\n  password_wo_version = %d", password, version), 1)
	return strings.Replace(out, "cloud_account = gantry_cloud_account.team", fmt.Sprintf(
		"cloud_account = gantry_cloud_account.team\n  cloud_account_password_wo = %q\n  cloud_account_password_wo_version = %d",
		password, version), 1)
}

// TestAccClusterPasswordRotation changes the password of an account: clusters that have it
// from the account follow in the same apply, and others in their next one, until which they
// can be refreshed and destroyed. No node is touched.
func TestAccClusterPasswordRotation(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, simulator.Options{Users: map[string]string{team: "first-1!"}})
	rotate := func(password string) func() {
		return func() {
			env.SetPassword(team, password)
			env.ResetCalls()
		}
	}
	inPlace := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
		plancheck.ExpectResourceAction("gantry_cloud_account.team", plancheck.ResourceActionUpdate),
		plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate),
	}}
	untouched := func() {
		calls := env.Calls()
		for _, call := range []string{"CloneVM_Task", "Destroy_Task", "ReconfigVM_Task", "PowerOffVM_Task"} {
			if calls.SOAP[call] > 0 {
				t.Errorf("a rotation made %d calls of %s", calls.SOAP[call], call)
			}
		}
	}
	password := func(check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(cluster, tfjsonpath.New("cloud_account").AtMapKey("password"), check)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: asTeam(env, 0, "first-1!")},
			{
				PreConfig:         rotate("second-2!"),
				Config:            asTeam(env, 0, "second-2!"),
				ConfigPlanChecks:  inPlace,
				ConfigStateChecks: []statecheck.StateCheck{password(knownvalue.StringExact("second-2!"))},
			},
			{
				PreConfig: untouched,
				Config:    withWriteOnly(env, 0, "second-2!", 1),
				ConfigStateChecks: []statecheck.StateCheck{
					password(knownvalue.Null()),
					statecheck.ExpectKnownValue(cluster, tfjsonpath.New("cloud_account_password_wo"), knownvalue.Null()),
				},
			},
			{
				// Another workspace has not heard of it yet: what it does not change, it need not know for.
				PreConfig: rotate("third-3!"),
				Config:    withWriteOnly(env, 0, "second-2!", 1),
				PlanOnly:  true,
			},
			{
				Config:      withWriteOnly(env, 1, "second-2!", 1),
				PlanOnly:    true,
				ExpectError: acctest.Words(`refuses the user name or the password of "team-a@vsphere.local"`),
			},
			{
				Config:           withWriteOnly(env, 1, "third-3!", 2),
				ConfigPlanChecks: inPlace,
			},
			{
				// The last password is in no configuration: what is destroyed needs none.
				PreConfig: rotate("fourth-4!"),
				Config:    withWriteOnly(env, 1, "third-3!", 2),
				Destroy:   true,
			},
		},
	})
}
